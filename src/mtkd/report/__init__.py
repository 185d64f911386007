"""The report and the audit's page: tables and figures as people read them. Computes no number."""
