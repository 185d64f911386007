"""The seam for losses: a toy for each kind of need trains, is stopped, and goes on bit for bit."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import yaml

from mtkd.config import load, schema
from mtkd.config import losses as of_losses
from mtkd.config.load import validate_suite
from mtkd.config.losses import CLOSED, Declared, declared_losses
from mtkd.config.schema import Training
from mtkd.distillation import objective as objectives
from mtkd.distillation.along import Along, check_same_tokens, insides
from mtkd.distillation.checkpoints import Checkpoint
from mtkd.distillation.losses import hinton
from mtkd.distillation.losses.base import Batch
from mtkd.distillation.objective import distillation, taught_rows
from mtkd.distillation.training import train
from mtkd.errors import InputError
from mtkd.models.build import build_model
from mtkd.models.inside import SHOWN, logits_and_inside
from mtkd.models.tokenizers import train_tokenizer
from mtkd.records.leases import claim_output
from mtkd.study.recipes import recipe
from mtkd.tasks.batches import DeviceTokens
from mtkd.tasks.corpus import Split
from mtkd.tasks.encoding import encode

TRAINING = Training(epochs=2, batch_size=8, learning_rate=5e-3, warmup=0.1)
STEPS, STOP = 10, 4
ROOT = Path(__file__).parents[2]
# A suite to change: the first embedded one.
FIRST = ROOT / "tests/fixtures/first_embedded/suite.yaml"
CPU = torch.device("cpu")
DECLARED_GATE = Declared(frozenset({"teachers"}), (2, None), {})


def each_teacher(batch):
    """The student is near any one of its teachers."""
    q = batch.logits.log_softmax(-1)
    return -(batch.teachers.softmax(-1) * q).sum(-1).max(dim=0).values


def whole_batch(batch):
    """One number: how the batch's examples are correlated (as DIST has it)."""
    p, q = batch.soft - batch.soft.mean(0), batch.logits.softmax(-1)
    return 1 - torch.cosine_similarity(p, q - q.mean(0), dim=0).mean()


def curriculum(batch):
    """Soft labels that fade."""
    return (1 - batch.progress) * -(batch.soft * batch.logits.log_softmax(-1)).sum(-1)


def random_teacher(batch):
    """A teacher drawn at each step."""
    k = torch.randint(len(batch.teachers), (), generator=batch.generator)
    return -(batch.teachers[k].softmax(-1) * batch.logits.log_softmax(-1)).sum(-1)


def joint_gate(batch):
    """Weights of teachers that are learnt along."""
    weights = batch.parameters.weight.softmax(-1)[0]
    q = torch.einsum("k,kbc->bc", weights, batch.teachers.softmax(-1))
    return -(q * batch.logits.log_softmax(-1)).sum(-1)


def hidden_states(batch):
    """Something of every layer."""
    return sum(state[:, 0].pow(2).mean(-1) for state in batch.inside.states)


def gold(batch):
    """Soft labels count where the teachers are right."""
    right = batch.soft.argmax(-1) == batch.labels
    return right * -(batch.soft * batch.logits.log_softmax(-1)).sum(-1)


def attention_along(batch):
    """The student's last attention is that of its teachers on average (as MiniLM has it)."""
    last = torch.stack([one.attentions[-1].mean(1) for one in batch.teachers_inside]).mean(0)
    here = batch.inside.attentions[-1].mean(1)
    rows = batch.inside.mask.bool()
    tiny = torch.finfo(last.dtype).tiny  # padding has no attention
    divergence = (last * (last.clamp_min(tiny).log() - here.clamp_min(tiny).log())).sum(-1)
    return (divergence * rows).sum(-1) / rows.sum(-1)


def states_along(batch):
    """The first token's states after each layer are the teachers', through a map of its own."""
    ends = torch.stack([one.states[-1][:, 0] for one in batch.teachers_inside]).mean(0)
    return (batch.parameters(batch.inside.states[-1][:, 0]) - ends).pow(2).mean(-1)


LOSSES = {
    "each-teacher": (each_teacher, {"teachers"}),
    "whole-batch": (whole_batch, set()),
    "curriculum": (curriculum, set()),
    "random-teacher": (random_teacher, {"teachers", "generator"}),
    "joint-gate": (joint_gate, {"teachers"}),
    "hidden-states": (hidden_states, {"states"}),
    "gold": (gold, {"gold"}),
    "attention-along": (attention_along, {"attentions", "along", "same-tokens"}),
    "states-along": (states_along, {"states", "along"}),
}


@pytest.fixture(params=LOSSES)
def name(request, monkeypatch):
    """A toy loss, to be found by its name as one of a file of its own."""
    function, needs = LOSSES[request.param]
    module = ModuleType("toy")
    module.loss = function
    if request.param == "joint-gate":
        module.parameters = lambda sizes: torch.nn.Linear(sizes.teachers, 1, bias=False)
    if request.param == "states-along":
        module.parameters = lambda sizes: torch.nn.Linear(sizes.hidden, 12)
    path = f"mtkd.distillation.losses.{request.param.replace('-', '_')}"
    monkeypatch.setitem(sys.modules, path, module)
    declared = {request.param: Declared(frozenset(needs), (2, None), {})}
    monkeypatch.setattr(objectives, "declared_losses", lambda: declared)
    return request.param


@pytest.fixture(scope="module")
def corpus():
    rng = np.random.default_rng(0)
    words = [f"w{i}" for i in range(30)]
    texts = [" ".join(rng.choice(words, rng.integers(2, 9))) for _ in range(39)]
    split = Split(np.array([str(i) for i in range(39)]), texts, None, rng.integers(3, size=39))
    tokenizer = train_tokenizer("word", texts, 100, 16)
    teachers = rng.normal(size=(2, 39, 3)).astype(np.float32)
    return tokenizer, DeviceTokens(encode(tokenizer, split, 16), 0, CPU), split, teachers


def encoder(tokenizer, width, seed):
    config = {"dim": width, "hidden_dim": 8, "n_layers": 1, "n_heads": 2}
    config["max_position_embeddings"] = 16
    return build_model("distilbert", config, ["a", "b", "c"], tokenizer, seed)


def fit(corpus, name, checkpoint=None, labels=None, **recipe):
    tokenizer, tokens, split, teachers = corpus
    model = encoder(tokenizer, 8, 1)
    along = [Along(f"t/seed{n}", encoder(tokenizer, 12, n).eval(), tokens) for n in (2, 3)]
    shown = SHOWN & LOSSES.get(name, (None, set()))[1]
    labels = split.labels if labels is None else labels
    objective = distillation(
        {"loss": name, "options": {}, **recipe}, 4.0, 0.7, torch.from_numpy(labels),
        teachers.mean(0), teachers, 8, 1,
        insides(along, shown, "fp32"),
    )  # fmt: skip
    outcome = train(model, tokens, objective, TRAINING, 1, checkpoint=checkpoint)
    kept = dict(model.state_dict())
    if objective.parameters is not None:
        kept |= {f"own {key}": value for key, value in objective.parameters.state_dict().items()}
    return kept, [row["loss"] for row in outcome.history]


class Stopped(Checkpoint):
    """Saves its state at one step and ends the training there."""

    steps = 0

    def due(self):
        self.steps += 1
        return self.steps == STOP

    def save(self, tensors, facts):
        super().save(tensors, facts)
        raise SystemExit


def test_a_loss_of_every_kind_goes_on_to_the_same_numbers(corpus, name, tmp_path):
    weights, losses = fit(corpus, name)
    output = tmp_path / "cell"
    claim = claim_output(tmp_path, output)
    with pytest.raises(SystemExit):
        fit(corpus, name, Stopped(tmp_path, output, "d", 0, claim))
    resumed = fit(corpus, name, Checkpoint(tmp_path, output, "d", 0, claim))
    assert losses == resumed[1] and len(losses) == 2 and np.isfinite(losses).all()
    assert all(torch.equal(resumed[0][key], value) for key, value in weights.items())


def test_own_parameters_are_trained(corpus, monkeypatch):
    monkeypatch.setattr(objectives, "declared_losses", lambda: {"g": DECLARED_GATE})
    module = ModuleType("toy")
    module.loss = joint_gate
    module.parameters = lambda sizes: torch.nn.Linear(sizes.teachers, 1, bias=False)
    monkeypatch.setitem(sys.modules, "mtkd.distillation.losses.g", module)
    torch.manual_seed(objectives._seed(1))
    begun = torch.nn.Linear(2, 1, bias=False).weight
    assert not torch.equal(fit(corpus, "g")[0]["own weight"], begun)


def test_hidden_states_that_a_student_does_not_have_are_refused_in_one_line(corpus, monkeypatch):
    monkeypatch.setattr(
        objectives, "declared_losses", lambda: {"h": Declared(frozenset({"states"}), (2, None), {})}
    )
    module = ModuleType("toy")
    module.loss = hidden_states
    monkeypatch.setitem(sys.modules, "mtkd.distillation.losses.h", module)
    tokenizer, tokens, split, teachers = corpus
    config = {"embedding_size": 4, "filters": 4}
    model = build_model("text-cnn", config, ["a", "b", "c"], tokenizer, 1)
    objective = distillation(
        {"loss": "h", "options": {}}, 4.0, 0.7, torch.from_numpy(split.labels),
        teachers.mean(0), teachers, 8, seed=1,
    )  # fmt: skip
    with pytest.raises(InputError, match="'h' reads the states of layers, and the student has"):
        train(model, tokens, objective, TRAINING, 1)


def rows_of(name, declared, monkeypatch, function):
    module = ModuleType("toy")
    module.loss = function
    monkeypatch.setitem(sys.modules, f"mtkd.distillation.losses.{name}", module)
    monkeypatch.setattr(objectives, "declared_losses", lambda: {name: declared})


@pytest.mark.parametrize("per_example", [True, False])
def test_rows_without_gold_learn_from_soft_labels_alone(monkeypatch, per_example):
    """By hand: alpha on rows with a label, alpha_unlabelled on the rest, which have no other."""
    rng = np.random.default_rng(2)
    z = torch.from_numpy(rng.normal(size=(4, 3)))
    taught = rng.normal(size=(1, 4, 3))
    labels = torch.tensor([0, -1, 2, -1])
    declared = Declared(frozenset(), (2, None), {})
    each = lambda batch: (batch.logits * batch.soft).sum(-1)  # noqa: E731
    rows_of("w", declared, monkeypatch, each if per_example else lambda b: each(b).mean())
    recipe = {"loss": "w", "options": {}, "alpha_unlabelled": 0.9}
    objective = distillation(recipe, 2.0, 0.7, labels, taught[0], taught, 8, 1)
    value = objective.value(z, None, torch.arange(4), 0.0)
    soft = (z * (torch.from_numpy(taught[0]) / 2).softmax(-1)).sum(-1)
    share = torch.tensor([0.7, 0.9, 0.7, 0.9])
    hard = -z.log_softmax(-1)[[0, 2], [0, 2]]
    weighed = (share * soft).mean() if per_example else share.mean() * soft.mean()
    torch.testing.assert_close(value, weighed + 0.3 * hard.sum() / 4)


def test_hard_labels_are_the_likeliest_class_at_temperature_1():
    rng = np.random.default_rng(2)
    z = torch.from_numpy(rng.normal(size=(4, 3)))
    taught = rng.normal(size=(1, 4, 3))
    labels = torch.tensor([0, -1, 2, -1])
    recipe = {"loss": "hinton", "options": {}, "labels": "hard"}
    objective = distillation(recipe, 4.0, 0.7, labels, taught[0], taught, 8, 1)
    value = objective.value(z, None, torch.arange(4), 0.0)
    surprise = -z.log_softmax(-1)
    pseudo = surprise[range(4), taught[0].argmax(-1)]
    share = torch.tensor([0.7, 1.0, 0.7, 1.0])
    expected = (share * pseudo).mean() + 0.3 * (surprise[0, 0] + surprise[2, 2]) / 4
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize(
    ("recipe", "rows"),
    [
        ({"fusion": None}, [0, 2]),
        ({"fusion": "average"}, None),
        ({"fusion": "average", "rows": "labelled"}, [0, 2]),
        # A labelled row is learnt from however unsure its soft labels are.
        ({"fusion": "average", "confidence": 0.8}, [0, 2, 3]),
    ],
)
def test_which_rows_a_cell_learns_from(recipe, rows):
    found = taught_rows(recipe, np.array([1, -1, 0, -1]), np.array([0.5, 0.79, 0.9, 0.8]))
    assert (None if found is None else found.tolist()) == rows
    # Where all rows have a label and none is unsure, all are learnt from.
    everything = taught_rows(recipe, np.array([1, 0, 0, 1]), np.ones(4))
    assert everything is None or len(everything) == 4


def test_rows_that_are_not_learnt_from_need_no_label(corpus, monkeypatch):
    rows_of("w", Declared(frozenset({"gold"}), (2, None), {}), monkeypatch, gold)
    labels = torch.tensor([0, 1, -1])
    taught = np.zeros((1, 3, 2))
    arguments = ({"loss": "w", "options": {}}, 1.0, 0.5, labels, taught[0], taught, 8, 1)
    distillation(*arguments, learnt=np.array([0, 1]))
    with pytest.raises(InputError, match="1 rows of train have none"):
        distillation(*arguments)


def test_a_loss_that_reads_gold_labels_refuses_rows_without(corpus, monkeypatch):
    rows_of("w", Declared(frozenset({"gold"}), (2, None), {}), monkeypatch, gold)
    labels = corpus[2].labels.copy()
    labels[:5] = -1
    with pytest.raises(InputError, match="'w' reads every row's gold label, and 5 rows of train"):
        fit(corpus, "w", labels=labels)


def test_teachers_that_read_other_tokens_are_refused_where_tokens_are_compared(corpus):
    tokenizer, tokens, split, _ = corpus
    other = train_tokenizer("word", split.text_a[:3], 100, 16)
    teacher = Along("cnn/seed1", None, DeviceTokens(encode(other, split, 16), 0, CPU))
    check_same_tokens(tokens, [Along("a", None, tokens)], "w")
    with pytest.raises(InputError, match="teacher cnn/seed1 reads the texts in other tokens"):
        check_same_tokens(tokens, [teacher], "w")


def test_models_that_are_closed_are_refused_when_the_suite_is_read(monkeypatch):
    declared = Declared(frozenset({"states", "along"}), (2, None), {})
    known = {**declared_losses(), "tiny": declared}
    for place in (schema, load):
        monkeypatch.setattr(place, "declared_losses", lambda: known)
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    content["strategies"]["inner"] = {"fusion": "average", "loss": "tiny"}
    arms = content["studies"]["main"]["arms"]
    arms[:] = [{"strategy": "inner", "teachers": ["textcnn", "bert"]}]
    with pytest.raises(InputError, match="loss 'tiny' .* teacher 'textcnn', a text-cnn, has none"):
        validate_suite(content, "s")
    for architecture in CLOSED:
        tokenizer = train_tokenizer("word", ["a b"], 100, 16)
        model = build_model(architecture, {}, ["a", "b"], tokenizer, 1)
        batch = {name: torch.ones((1, 2), dtype=int) for name in ("input_ids", "attention_mask")}
        inside = logits_and_inside(model, batch, SHOWN)[1]
        assert inside.states == inside.attentions == ()


@pytest.fixture
def dkd(monkeypatch):
    """Decoupled distillation as a file that a contributor added."""
    spec = importlib.util.spec_from_file_location("dkd", Path(__file__).parents[1] / "dkd.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setitem(sys.modules, "mtkd.distillation.losses.dkd", module)
    declared = Declared(frozenset(module.NEEDS), module.CLASSES, module.OPTIONS)
    known = {**declared_losses(), "dkd": declared}
    for place in (objectives, schema, load):
        monkeypatch.setattr(place, "declared_losses", lambda: known)
    return module


def test_decoupled_distillation_is_the_plain_kind_where_its_parts_weigh_as_in_it(dkd):
    rng = np.random.default_rng(1)
    logits = torch.from_numpy(rng.normal(size=(6, 4))).requires_grad_()
    soft = torch.from_numpy(rng.dirichlet(np.ones(4), size=6))
    batch = Batch(logits, soft, 3.0, 0.0, torch.arange(6) % 4)
    rest = 1 - soft[torch.arange(6), batch.labels]
    # KL = TCKD + (1 - p of the target) NCKD, equation 5.
    parts = dkd.loss(batch, 1.0, 0.0) + rest * dkd.loss(batch, 0.0, 1.0)
    torch.testing.assert_close(parts, hinton.loss(batch))


def test_a_loss_is_refused_for_classes_it_is_not_for_when_the_suite_is_read(dkd):
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    content["strategies"]["dkd"] = {"fusion": "average", "loss": "dkd", "options": {"others": 2}}
    suite = validate_suite(content, "s")
    assert recipe(suite, "average")["loss"] == "hinton"
    study = content["studies"]["main"]
    arm = next(arm for arm in study["arms"] if arm["strategy"] == "average")
    study["arms"].append({**arm, "strategy": "dkd"})
    with pytest.raises(InputError, match="loss 'dkd' of strategy 'dkd' is for 3 or more classes"):
        validate_suite(content, "s")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"loss": "hintn"}, "unknown loss 'hintn'; known: hinton"),
        ({"options": {"beta": 1}}, "options.beta: no option of loss 'hinton'; it has none"),
        ({"operator": "median"}, "give one of 'fusion' and 'operator'"),
        ({"fusion": "mean"}, "fusion: unknown strategy 'mean'; known: none, single, average"),
        ({"fusion": "none"}, "is a control; give 'control: true'"),
        ({"weights": {"textcnn": 1}}, "'weights' and 'T' are for an operator"),
    ],
)
def test_recipes_that_mean_nothing_are_refused(changes, said):
    content = yaml.safe_load(FIRST.read_text(encoding="utf-8"))
    content["strategies"]["mine"] = {"fusion": "average"} | changes
    with pytest.raises(InputError, match=said):
        validate_suite(content, "s")


def test_what_losses_declare_is_read_from_their_files():
    assert declared_losses()["hinton"] == Declared(frozenset(), (2, None), {})
    assert "base" not in declared_losses()


@pytest.fixture
def loss(tmp_path, monkeypatch):
    """Declares as a file of its own says, alone in the folder of losses."""
    monkeypatch.setattr(of_losses, "LOSSES_FOLDER", tmp_path)

    def declared(source):
        (tmp_path / "my_loss.py").write_text(f'"""Mine."""\n\n{source}\n')
        declared_losses.cache_clear()
        return declared_losses()

    yield declared
    declared_losses.cache_clear()


@pytest.mark.parametrize(
    ("source", "needs", "classes", "options"),
    [
        ("def loss(batch): ...", (), (2, None), {}),
        ('NEEDS: tuple[str, ...] = ("teachers", "states")', ("teachers", "states"), (2, None), {}),
        ("CLASSES: tuple[int, int | None] = (2, 5)", (), (2, 5), {}),
        ("OPTIONS: dict[str, float] = {'a': 1, 'b': -.5}", (), (2, None), {"a": 1, "b": -0.5}),
        # Without a value, of the file's own, or within a function: none of them declares.
        ("NEEDS: tuple\n_SIZE = len('a')\nshare = 1", (), (2, None), {}),
        ("def loss(batch):\n    NEEDS = 'teachers'", (), (2, None), {}),
    ],
)
def test_declarations_of_a_loss_may_be_annotated(loss, source, needs, classes, options):
    assert loss(source) == {"my-loss": Declared(frozenset(needs), classes, options)}


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ('NEEDS = "teachers"', "NEEDS is 'teachers', which is no tuple"),
        ('NEEDS: str = "teachers"', "NEEDS is 'teachers', which is no tuple"),
        ('NEEDS = ["teachers"]', r"NEEDS is \['teachers'\], which is no tuple"),
        (
            'NEEDS = ("teacher",)',
            "NEEDS has 'teacher'; a loss may need along, attentions",
        ),
        ("NEEDS = tuple(['teachers'])", "NEEDS must be written out, not computed"),
        (
            "NEED = ('teachers',)",
            "NEED is nothing that is declared here; known: NEEDS, CLASSES, OP",
        ),
        ("OPTION: dict = {}", "OPTION is nothing that is declared here"),
        ("CLASSES = 3", "CLASSES is 3, which is no tuple"),
        ("CLASSES = (3,)", r"CLASSES is \(3,\), not the fewest and most"),
        ("CLASSES = (None, 3)", r"CLASSES is \(None, 3\), not the fewest"),
        ("CLASSES = (True, None)", r"CLASSES is \(True, None\), not the fewest"),
        ("OPTIONS = ['a']", r"OPTIONS is \['a'\], which is no dict"),
        ("OPTIONS = {'a': '1'}", "OPTIONS is {'a': '1'}, not numbers by their names"),
        ("OPTIONS = {'a': True}", "OPTIONS is {'a': True}, not numbers by their names"),
        ("OPTIONS = {1: 2}", "OPTIONS is {1: 2}, not numbers by their names"),
        ("NEEDS = ([], 1, 'gold')", r"NEEDS has \[\], 1; a loss may need"),
        ("NEEDS = ('along',)", "NEEDS has 'along' but neither 'states' nor 'attentions'"),
        ("NEEDS = ('same-tokens',)", "NEEDS has 'same-tokens' without 'along'"),
        ("NEEDS = (", "is no Python"),
        ("OPTIONS = {[]: 2}", "OPTIONS must be written out"),
    ],
)
def test_a_declaration_of_a_loss_that_says_nothing_is_refused_in_one_line(loss, source, said):
    with pytest.raises(InputError, match=rf"my_loss\.py: {said}") as refusal:
        loss(source)
    assert "\n" not in str(refusal.value)
