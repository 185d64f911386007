def study_figures(): return []
