"""Teachers that one job trains as one model: which ones, and that each is what it is alone."""

import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from tiny_suites import SMALL_GPT2, addition_suite

from mtkd.config.load import validate_suite
from mtkd.distillation.group import Machine
from mtkd.errors import InputError
from mtkd.generation import learner, sampling
from mtkd.generation.prompts import addition_prompts, write_task
from mtkd.generation.teachers import write_traces, write_traces_together
from mtkd.records.files import read_json
from mtkd.study.generation import writer_lots, writer_settings, writers_settings
from mtkd.study.jobs import determinants

# A state at every step.
MACHINE, CODE = Machine(1, 0, False, 1e-9), {"code": "1"}
# An epsilon above gradients that are nothing but rounding.
LEARNS = {
    "model": {"architecture": "gpt2", "config": SMALL_GPT2},
    "training": {"epochs": 2, "batch_size": 4, "learning_rate": 1e-2, "adam_epsilon": 1e-4},
    "together": 3,
}
TEACHERS = {
    "right": {"style": "right", **LEARNS},
    "careless": {"style": "right", "wrong_steps": 0.5, "T": 1, **LEARNS},
    "carry": {"style": "carry", **LEARNS},
}
NAMES = list(TEACHERS)


def suite_of(teachers):
    content = addition_suite(
        {"teach": 14, "transfer": 24, "selection": 0, "report": 8},
        teachers,
        {"model": LEARNS["model"], "training": {"epochs": 1}},
        {},
        longest=20,
        n=8,
        arms=[{"teachers": list(teachers)[:1]}],
        seeds=[1],
    )
    return validate_suite(content, "tiny.yaml")


class TestTogether:
    """What they leave."""

    @pytest.fixture(autouse=True)
    def task(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        rows = suite_of(TEACHERS).tasks["addition"].rows
        task = Path("results/tiny/tasks/addition")
        settings = {"addition": {"digits": 2}, "rows": rows}
        write_task(task, settings, addition_prompts(2, rows), digits=2)
        return task

    def places(self, root):
        folders = {name: Path(root) / "traces/addition" / name / "seed1" for name in NAMES}
        return {name: (one / "model", one / "traces.parquet") for name, one in folders.items()}

    def together(self, task, root="results/tiny"):
        settings = writers_settings(suite_of(TEACHERS), "addition", NAMES)
        places, state = self.places(root), Path(root) / "state"
        job = {"settings": settings, "code": CODE}
        write_traces_together(job, task, places, "1", None, state, MACHINE)
        assert not list(state.glob("training/*")) and not list(state.glob("claims/*"))
        return places

    def test_each_is_what_it_is_alone(self, task):
        found, alone = self.together(task), self.places("results/alone")
        for name, (model, traces) in alone.items():
            job = {"settings": writer_settings(suite_of(TEACHERS), "addition", name), "code": CODE}
            known, state = determinants(job, teacher=name, seed="1"), Path("results/alone/state")
            write_traces(job, known, task, name, "1", None, state, MACHINE, model, traces)
            weights = [load_file(one / "model.safetensors") for one in (found[name][0], model)]
            assert weights[0].keys() == weights[1].keys()
            for key, tensor in weights[0].items():
                assert torch.allclose(tensor, weights[1][key], atol=1e-4), (name, key)
            wrote = [pd.read_parquet(one) for one in (found[name][1], traces)]
            pd.testing.assert_frame_equal(*wrote)
            records = [read_json(one.parent / "run.json") for one in (found[name][1], traces)]
            assert [one.pop("together") for one in records] == [3, 1]
            for key in ("teacher", "style", "rows", "reads", "parameters", "status", "code"):
                assert records[0][key] == records[1][key], key
        # They learn different things, so that one in another's place would show.
        texts = [tuple(pd.read_parquet(traces)["response"]) for _, traces in found.values()]
        assert len(set(texts)) == len(NAMES)

    @pytest.mark.parametrize("where", [(learner, "copy_out"), (sampling, "write")])
    def test_a_job_that_ends_goes_on_where_it_was(self, task, where, monkeypatch, capfd):
        whole = self.together(task, "results/whole")
        with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
            patched.setattr(*where, stop)
            self.together(task)
        # As Snakemake does with what a job has published that then fails.
        shutil.rmtree("results/tiny/traces", ignore_errors=True)
        found = self.together(task)
        assert "going on from the state of step" in capfd.readouterr().err
        for name in NAMES:
            for file in ("model/model.safetensors", "traces.parquet"):
                ours, others = (paths[name][1].parent / file for paths in (found, whole))
                assert ours.read_bytes() == others.read_bytes()

    def test_one_that_diverges_ends_the_job_and_is_not_trained_again(self, task, monkeypatch):
        made, make = [], learner.make_causal

        def broken(*arguments):
            model = make(*arguments)
            made.append(model)
            if len(made) == 2:
                with torch.no_grad():
                    model.transformer.ln_f.weight[0] = math.nan
            return model

        monkeypatch.setattr(learner, "make_causal", broken)
        for _ in range(2):
            with pytest.raises(InputError, match="teacher careless diverged: loss is nan at step"):
                self.together(task)
            assert not list(Path("results").rglob("traces.parquet"))
        assert len(made) == len(NAMES)


def stop(*arguments):
    raise KeyboardInterrupt


class TestLots:
    """Which teachers are trained as one."""

    def lots(self, **changes):
        """Of four teachers, of which some are changed."""
        names = (*NAMES, "left")
        teachers = {name: TEACHERS.get(name) or {**LEARNS, "style": name} for name in names}
        teachers = {name: {**one, **changes.get(name, {})} for name, one in teachers.items()}
        return writer_lots(suite_of(teachers))

    def test_at_most_so_many_and_none_by_itself(self):
        assert self.lots() == [NAMES]
        pairs = dict.fromkeys([*NAMES, "left"], {"together": 2})
        assert self.lots(**pairs) == [["right", "careless"], ["carry", "left"]]
        assert self.lots(**dict.fromkeys([*NAMES, "left"], {"together": 1})) == []

    @pytest.mark.parametrize(
        "unlike",
        [
            {"rows": 7},
            {"training": {**LEARNS["training"], "epochs": 1}},
            {"model": {"architecture": "gpt2", "config": {**SMALL_GPT2, "n_embd": 8}}},
            {"resources": {"mem_mb": 9000}},
        ],
        ids=lambda change: next(iter(change)),
    )
    def test_those_that_are_alike(self, unlike):
        assert self.lots(careless=unlike) == [["right", "carry", "left"]]

    def test_whether_the_study_has_them_or_not(self):
        # Its only arm has the first teacher alone.
        assert "left" in self.lots(right={"together": 1})[0]

    def test_a_program_trains_nothing(self):
        with pytest.raises(InputError, match="'together' belongs with a 'model' that learns"):
            self.lots(left={"model": None})
