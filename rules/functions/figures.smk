# The figures that a study has, by their catalogue.
from mtkd.figures import catalogue as figures


def drawn_in(folder):
    """The study's figures in one of the catalogue's folders, those by task for each of its tasks."""
    return figures.drawn(figures.figures_of(folder, FACTS), STUDY.tasks)


def tables_drawn_in(folder):
    """The tables that they are drawn from, each once."""
    return list(dict.fromkeys(name for figure in drawn_in(folder) for name in figure.tables))


def reported(figure):
    """A figure's file, with its place in Snakemake's own report."""
    by_task = figure.task is not None
    return report(
        f"{FIGURES}/{figure.path}.png",
        caption="../report/captions/figure.rst",
        category=figure.row.title if by_task else "Figures",
        labels={"task": figure.task} if by_task else {"figure": figure.name},
    )


def drawing_digests(suite, folder):
    """A digest of the code behind each figure's drawing, by name."""
    return {figure.name: definition_digest(figure.row.drawing) for figure in drawn_in(folder)}


def drawing_job(folder, student):
    return job_text(
        "draw_figures.py",
        settings=(settings.figure_settings, student),
        figures=(drawing_digests, folder),
    )
