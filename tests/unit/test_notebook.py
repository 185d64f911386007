"""What a notebook uses: runs and tables as frames, and one line where there are none."""

from __future__ import annotations

import pytest
from test_tables import hand_values, make_records, make_study

import mtkd
from mtkd.analysis.tables import runs_table
from mtkd.errors import InputError
from mtkd.records.files import write_json, write_text


def test_load_runs_gives_every_record_of_a_suite(tmp_path):
    records = make_records(make_study(), hand_values)
    for number, record in enumerate(records):
        write_json(tmp_path / f"{number:03}" / "eval.json", record)
    runs = mtkd.load_runs(tmp_path)
    expected = runs_table(records)
    assert len(runs) == len(expected) > 0
    assert sorted(runs.value) == pytest.approx(sorted(expected.value))


def test_load_runs_of_a_folder_without_runs_says_so(tmp_path):
    with pytest.raises(InputError, match="no scored runs"):
        mtkd.load_runs(tmp_path)


def test_load_table_keeps_axes_as_text_and_names_what_there_is(tmp_path):
    write_text(tmp_path / "studies/main/tables/gap.csv", "task,T,alpha\nmovies,NA,0.50\n")
    table = mtkd.load_table(tmp_path, "gap")
    assert table.iloc[0].tolist() == ["movies", "NA", "0.50"]
    with pytest.raises(InputError, match="those of study 'main': gap"):
        mtkd.load_table(tmp_path, "claims")


def test_an_empty_table_is_named(tmp_path):
    write_text(tmp_path / "studies/main/tables/gap.csv", "")
    with pytest.raises(InputError, match=r"gap\.csv: cannot be read .*; rerun its rule"):
        mtkd.load_table(tmp_path, "gap")
