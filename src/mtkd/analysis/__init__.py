"""From records and predictions to tables and statistics: arrays and tables in, tables out."""
