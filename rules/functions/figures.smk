# The figures that a study has.
from mtkd.study.arms import is_distilled


def has_grid():
    distilled = any(is_distilled(arm.strategy) for arm in STUDY.arms)
    return distilled and len(STUDY.T) * len(STUDY.alpha) > 1


def has_raters():
    return any(SUITE.tasks[task].human for task in STUDY.tasks)


def has_pools():
    return bool(settings.pool_settings(SUITE, STUDY.strategies))


def study_figures():
    names = [name for name in FIGURE_TABLES if name != "human_soft_labels" or has_raters()]
    if not has_pools():
        names.remove("attenuation_students")
    if not STUDY_TEACHERS:
        # A study of the undistilled student alone has nothing to analyse.
        names = [name for name in names if FIGURE_TABLES[name] == ["runs"]]
    names += [f"t_alpha_heatmap/{task}" for task in STUDY.tasks] if has_grid() else []
    return expand(
        f"{FIGURES}/{{name}}.{{kind}}", name=names, kind=["png", "pdf"], allow_missing=True
    )
