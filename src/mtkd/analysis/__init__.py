"""From predictions and records to scores, tables and statistics: arrays and tables in and out."""
