def study_tables(): return []
