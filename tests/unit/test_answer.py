"""The first paragraph of a report: questions and answers that ask for no statistics."""

import pandas as pd

from mtkd.report.answer import answers

STUDY = {"margin": 1.0}


def claims(*rows):
    return pd.DataFrame(rows, columns=["claim", "task", "a", "verdict"])


def test_tasks_of_one_verdict_are_said_together():
    found = answers(
        claims(
            ("distillation", "movies", "d", "better"),
            ("distillation", "tweets", "d", "better"),
            ("distillation", "news", "d", "undecidable"),
            ("distillation", "pairs", "d", "better"),
            ("soft v hard labels", "movies", "average", "equivalent"),
            ("strategy v average", "movies", "x", "worse"),
        ),
        STUDY,
    )
    assert found == [
        "Does distillation help? Yes on movies, tweets and pairs; this study cannot tell on news.",
        "Are soft labels worth more than the same teachers' likeliest labels? No difference beyond "
        "the margin of 1 points on movies.",
    ]


def test_the_teacher_that_one_would_take_comes_before_the_best_of_each_kind():
    both = claims(
        ("several teachers", "movies", "best of 2", "better"),
        ("average v best teacher", "movies", "average", "worse"),
    )
    (practice,) = answers(both, STUDY)
    assert practice.startswith("Do several teachers, averaged, help more than the one that scores")
    assert practice.endswith("? No, it is worse on movies.")
    (best,) = answers(both[:1], STUDY)
    assert best.endswith("better than the best of single ones'? Yes on movies.")


def test_all_draws_speak_for_each_and_two_comparisons_are_told_apart():
    found = answers(
        claims(
            ("distillation", "m-1", "d", "better"),
            ("distillation", "m-2", "d", "worse"),
            ("distillation", "m, 2 draws", "d", "undecidable"),
            ("soft v hard labels", "m, 2 draws", "bert", "worse"),
            ("soft v hard labels", "m, 2 draws", "average", "better"),
        ),
        STUDY | {"draws": {"m, 2 draws": ["m-1", "m-2"]}},
    )
    assert found[0] == "Does distillation help? This study cannot tell on m, 2 draws."
    assert found[1].endswith("No, it is worse on m, 2 draws (bert); yes on m, 2 draws (average).")
    assert answers(claims(), STUDY) == []
