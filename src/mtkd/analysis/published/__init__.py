"""What a published study's tables say, derived again and held against the rules of evidence."""
