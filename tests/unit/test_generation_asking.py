"""Models as they are, asked: batches by tokens, what is read, chunks that are kept, two engines."""

import json
import shutil
import sys
import types
from itertools import pairwise
from pathlib import Path

import pytest

from mtkd.distillation.group import Machine
from mtkd.errors import InputError
from mtkd.generation import asking, sampling
from mtkd.generation.asking import ask, in_chunks
from mtkd.generation.models import build_causal, load_causal
from mtkd.generation.tokens import beginning, chat_text, encode_pairs, ids_of, prompt_ids
from mtkd.models.build import save_model
from mtkd.models.tokenizers import load_tokenizer
from mtkd.records.leases import claim_output

sys.path.insert(0, str(Path(__file__).parents[1] / "workflow"))
import tiny_writers

PROMPTS = [tiny_writers.question(a, b, n) for n, (a, b) in enumerate([(1, 2), (3, 4), (8, 8)] * 4)]
MACHINE = Machine(1, 0, False, 0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A folder with a Llama whose tokenizer puts a token before every text, not trained."""
    folder = tmp_path_factory.mktemp("llama")
    sizes, begins = tiny_writers.ARCHITECTURES["llama"]
    tokenizer = tiny_writers.write_tokenizer(folder, begins)
    save_model(build_causal("llama", sizes, tokenizer, 1), tokenizer, folder)
    return folder


@pytest.fixture
def asked(model, tmp_path):
    """Asks the model; ``own`` are a teacher's settings."""

    def call(prompts=PROMPTS, longest=12, folder=model, **own):
        claim = claim_output(tmp_path / "state", tmp_path / "traces.parquet")
        own = {"model": {"folder": str(folder)}, **own}
        return ask(own, folder, prompts, longest, 1, MACHINE, tmp_path / "kept", claim)

    return call


@pytest.mark.parametrize("architecture", tiny_writers.ARCHITECTURES)
def test_every_architecture_is_asked_alike(architecture, asked, tmp_path):
    sizes, begins = tiny_writers.ARCHITECTURES[architecture]
    folder = tmp_path / architecture
    tokenizer = tiny_writers.write_tokenizer(folder, begins)
    save_model(build_causal(architecture, sizes, tokenizer, 1), tokenizer, folder)
    prompts = [PROMPTS[0], PROMPTS[1] + " " * 9]
    together, _, facts = asked(prompts, folder=folder, chat=True)
    shutil.rmtree(tmp_path / "kept")
    # Whatever is padded beside it, a prompt has one response.
    alone = [asked([prompt], folder=folder, chat=True)[0] for prompt in prompts[:1]]
    assert together[:1] == alone[0] and facts["parameters"] > 0


class TestBatches:
    @pytest.mark.parametrize("longest", [10, 1000, 10**6])
    def test_rows_are_bounded_by_their_tokens_and_none_is_left(self, monkeypatch, longest):
        monkeypatch.setattr(sampling, "TOKENS", 5000)
        lengths = sorted([3, 50, 7, 400, 20, 21, 22] * 30)
        found = list(sampling.batches(lengths, longest, range(len(lengths))))
        assert [row for rows in found for row in rows] == list(range(len(lengths)))
        for rows in found:
            needed = len(rows) * (lengths[rows[-1]] + longest)
            assert len(rows) == 1 or (needed <= 5000 and len(rows) <= sampling.ROWS)
        for rows, following in pairwise(found):
            # One more would have been too many.
            assert (len(rows) + 1) * (lengths[following[0]] + longest) > 5000 or (
                len(rows) == sampling.ROWS
            )

    def test_greedy_text_does_not_depend_on_them(self, asked, monkeypatch, tmp_path):
        whole, _, _ = asked()
        shutil.rmtree(tmp_path / "kept")
        monkeypatch.setattr(sampling, "TOKENS", 100)
        assert asked()[0] == whole


class TestWhatIsRead:
    def test_a_tokenizers_own_beginning_stands_before_prompts_once(self, model):
        tokenizer = load_tokenizer(model, 10**9)
        begin = tokenizer.bos_token_id
        assert beginning(tokenizer) == [begin]
        (ids,) = prompt_ids(tokenizer, ["Ann"])
        assert ids == [begin, *ids_of(tokenizer, ["Ann"])[0]]
        assert prompt_ids(tokenizer, [f"{tokenizer.bos_token}Ann"]) == [ids]
        encoded = encode_pairs(tokenizer, ["Ann"], ["7"])
        assert encoded.tokens[:4].tolist() == ids and encoded.segments.tolist() == [0] * 4 + [1] * 2

    def test_a_conversation_is_the_templates(self, model):
        tokenizer = load_tokenizer(model, 10**9)
        assert chat_text(tokenizer, "Ann?", "x") == "<|user|>Ann?<|end|>>"
        tokenizer.chat_template = None
        with pytest.raises(InputError, match="tokenizer of org/x has no chat template; take out"):
            chat_text(tokenizer, "Ann?", "org/x")
        tokenizer.chat_template = "{{ raise_exception('no user here') }}"
        with pytest.raises(InputError, match="chat template of x: no user here"):
            chat_text(tokenizer, "Ann?", "x")

    def test_template_and_conversation_reach_the_model(self, asked, model, tmp_path):
        seen = []

        def write(model, tokenizer, prompts, *more):
            seen.extend(prompts)
            return sampling_write(model, tokenizer, prompts, *more)

        sampling_write = sampling.write
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sampling, "write", write)
            asked(PROMPTS[:1], template="{prompt} Think.", chat=True)
        assert seen == [f"<|user|>{PROMPTS[0]} Think.<|end|>>"]

    def test_a_turn_ends_by_the_models_own_tokens(self, model):
        loaded, tokenizer = load_causal(model), load_tokenizer(model, 10**9)
        loaded.generation_config.eos_token_id = 3
        assert sampling.end_tokens(loaded, tokenizer) == [2, 3]
        loaded.generation_config.eos_token_id = [3, 2]
        assert sampling.end_tokens(loaded, tokenizer) == [2, 3]
        # Whatever it writes first is an end.
        loaded.generation_config.eos_token_id = list(range(len(tokenizer)))
        assert sampling.write(loaded, tokenizer, PROMPTS[:2], 5) == ["", ""]

    def test_more_tokens_than_it_takes_are_refused(self, asked):
        with pytest.raises(InputError, match="takes 96 tokens, and its longest prompt with a resp"):
            asked(longest=90)

    def test_a_model_without_an_end_is_refused(self, asked, model, tmp_path):
        folder = shutil.copytree(model, tmp_path / "endless")
        config = json.loads((folder / "tokenizer_config.json").read_text())
        del config["eos_token"]
        (folder / "tokenizer_config.json").write_text(json.dumps(config))
        for name in ("config.json", "generation_config.json"):
            declared = json.loads((folder / name).read_text())
            declared.pop("eos_token_id", None)
            (folder / name).write_text(json.dumps(declared))
        with pytest.raises(InputError, match="names an end token; name one as 'eos_token'"):
            asked(folder=folder)


class TestChunks:
    @pytest.fixture
    def claim(self, tmp_path):
        return claim_output(tmp_path / "state", tmp_path / "traces.parquet")

    def test_a_killed_job_goes_on_behind_its_last_chunk(self, tmp_path, claim, capsys):
        asked = []

        def write(prompts, seed, most=2):
            if len(asked) == most:
                raise KeyboardInterrupt
            asked.append((prompts, seed))
            return [f"{prompt} {seed}" for prompt in prompts]

        texts = [str(number) for number in range(10)]
        with pytest.raises(KeyboardInterrupt):
            in_chunks(texts, write, 3, 1, tmp_path / "kept", claim)
        first = list(asked)
        responses = in_chunks(texts, lambda *a: write(*a, most=9), 3, 1, tmp_path / "kept", claim)
        assert asked[:2] == first and [prompts for prompts, _ in asked[2:]] == [texts[6:9], ["9"]]
        assert len({seed for _, seed in asked}) == 4
        assert responses == in_chunks(texts, lambda *a: write(*a, most=99), 3, 1, tmp_path, claim)
        assert "6 prompts were answered before" in capsys.readouterr().err

    @pytest.mark.parametrize("harm", ["torn", "altered", "other"])
    def test_a_damaged_chunk_is_asked_again(self, tmp_path, claim, capsys, harm):
        def write(prompts, seed):
            return [prompt.upper() for prompt in prompts]

        in_chunks(["a", "b", "c"], write, 2, 1, tmp_path / "kept", claim)
        path = tmp_path / "kept/00000.json"
        text = path.read_text()
        harmed = {"torn": text[:-9], "altered": text.replace('"B"', '"C"'), "other": "[]"}
        path.write_text(harmed[harm])
        assert in_chunks(["a", "b", "c"], write, 2, 1, tmp_path / "kept", claim) == ["A", "B", "C"]
        assert f"{path}: damaged; its prompts are asked again" in capsys.readouterr().err
        assert path.read_text() == text

    def test_one_whose_output_was_taken_over_keeps_nothing(self, tmp_path, claim):
        def write(prompts, seed):
            claim_output(tmp_path / "state", tmp_path / "traces.parquet")
            return list(prompts)

        with pytest.raises(InputError, match="another run took this over"):
            in_chunks(["a"], write, 2, 1, tmp_path / "kept", claim)
        assert not (tmp_path / "kept").exists()

    def test_progress_tells_the_time_left(self, tmp_path, claim, capsys, monkeypatch):
        monkeypatch.setattr(asking, "PROGRESS", 0.0)
        in_chunks(list("abc"), lambda prompts, seed: list(prompts), 2, 1, tmp_path / "k", claim)
        assert "prompt 2/3  " in (said := capsys.readouterr().err) and " s left" in said


def test_draws_follow_the_seed_and_the_record_says_what_it_cost(asked, tmp_path):
    first, tokens, facts = asked(T=1.0)
    assert asked(T=1.0)[0] == first  # what is kept
    shutil.rmtree(tmp_path / "kept")
    assert asked(T=1.0)[0] == first  # what is drawn again
    assert tokens == [len(text) for text in first] and facts["tokens"] == sum(tokens)
    assert facts["cut"] == sum(count == 12 for count in tokens)
    assert facts["engine"] == "transformers" and facts["precision"] == "float32"
    assert facts["parameters"] > 0 and set(facts["versions"]) == {"torch", "transformers"}


class TestVllm:
    """The seam, with a stand-in that has vLLM's names: vLLM itself is not installed here."""

    @pytest.fixture
    def vllm(self, monkeypatch):
        module = types.ModuleType("vllm")
        module.made, module.asked = [], []

        class SamplingParams:
            def __init__(
                self,
                *,
                temperature=1.0,
                max_tokens=16,
                seed=None,
                skip_special_tokens=True,
                spaces_between_special_tokens=True,
            ):
                self.temperature, self.max_tokens, self.seed = temperature, max_tokens, seed

        class LLM:
            def __init__(self, model, *, dtype, seed, max_model_len, trust_remote_code=False):
                if max_model_len > 96:
                    raise ValueError(f"max_model_len ({max_model_len}) is greater than\nallowed")
                module.made.append((model, dtype, seed, max_model_len, trust_remote_code))

            def generate(self, prompts, sampling_params=None, *, use_tqdm=True):
                assert not use_tqdm and len(prompts) == len(sampling_params)
                module.asked.append((prompts, sampling_params))
                return [
                    types.SimpleNamespace(outputs=[types.SimpleNamespace(text=f"3;{params.seed}")])
                    for params in sampling_params
                ]

        module.LLM, module.SamplingParams = LLM, SamplingParams
        monkeypatch.setitem(sys.modules, "vllm", module)
        monkeypatch.setattr("mtkd.generation.vllm_engine.version", lambda name: f"{name} 1")
        return module

    def test_it_is_asked_as_transformers_is(self, vllm, asked, model):
        responses, tokens, facts = asked(engine="vllm", T=0.6, chat=True)
        tokenizer = load_tokenizer(model, 10**9)
        expected = prompt_ids(tokenizer, [chat_text(tokenizer, one, "x") for one in PROMPTS])
        ((prompts, settings),) = vllm.asked
        assert [one["prompt_token_ids"] for one in prompts] == expected
        # Once, whether or not a conversation begins with it.
        assert all(ids.count(tokenizer.bos_token_id) == 1 for ids in expected)
        assert {(one.temperature, one.max_tokens) for one in settings} == {(0.6, 12)}
        assert len({one.seed for one in settings}) == len(PROMPTS)
        longest = max(map(len, expected)) + 12
        assert vllm.made == [(str(model), "bfloat16", 1, longest, False)]
        assert responses == [f"3;{one.seed}" for one in settings]
        assert facts["engine"] == "vllm" and facts["versions"]["vllm"] == "vllm 1"
        assert tokens == [len(text) for text in responses]

    def test_what_it_refuses_is_one_line(self, vllm, asked):
        with pytest.raises(InputError, match="vLLM: max_model_len .* is greater than allowed"):
            asked(engine="vllm", longest=90)

    def test_without_it_its_environment_is_named(self, asked, monkeypatch):
        monkeypatch.setitem(sys.modules, "vllm", None)
        with pytest.raises(InputError, match="needs vLLM in the environment of its job"):
            asked(engine="vllm")
