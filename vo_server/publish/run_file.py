"""Run file: `run.toml` of the files of one run, written or extended; what is there stays."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import tomlkit
from tomlkit.exceptions import TOMLKitError

from vo_server.errors import BadFile
from vo_server.model.run import RUN_FILE, ModelType
from vo_server.ports import Look
from vo_server.publish import doubt
from vo_server.publish.doubt import Answers, Doubt

_NO_WORD = re.compile(r"[^A-Za-z0-9_.+-]+")
_POPULATION = re.compile(r"((?:[A-Z][a-z]?\d*)+\+{1,2}|e-)(?=[_.])")
_METHODS = ("hyb", "lathys", "mhd", "gumics", "batsrus", "openggcm", "pic", "paraboloid")
# Keys that flags of their name fill in, and the order of all that are written.
_FLAGS = ("model_type", "title", "body", "body_radius", "inner_boundary", "frame")
_ORDER = ("id", "model", *_FLAGS, "release_date", "outputs")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where files are published: the naming authority, name of their folder, and today's date."""

    authority: str
    folder: str
    today: str


def run_text(
    text: str, looks: Mapping[str, Look], answers: Answers, origin: Origin
) -> tuple[str, list[str]]:
    """Give the text of a run file with these files in it, and remarks on what was taken for known.

    text: as it is, '' where there is none; looks: by file name. What the file says already is
    not changed. Raises BadFile where it is no TOML.
    """
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as err:
        raise BadFile(f"{RUN_FILE} is not valid TOML: {err}") from err
    if "run" not in document:
        document["run"] = tomlkit.table()
    run: Any = document["run"]
    remarks = list(_unused(run, answers))
    remarks += _overruled(run, list(looks.values()), answers)
    body = _place(run, list(looks.values()), answers)
    _identify(run, body, answers, origin, remarks)
    if "release_date" not in run:
        _put(run, "release_date", origin.today)
    outputs = {str(output.get("file")) for output in run.get("outputs", ())}
    for name, look in looks.items():
        if name not in outputs:
            _outputs(run).append(_output(run, name, look, body, answers, remarks))
        if look.taken:
            remarks.append(f"{name}: {look.taken}")
    if not text.strip():
        document["run"] = _ordered(run)
    return tomlkit.dumps(document), remarks


def _place(run: Any, looks: Sequence[Look], answers: Answers) -> str:
    """Put in body, radius and frame where no file tells them; gives the body."""
    body = _told(run, "body", [look.body for look in looks])
    if not body:
        body = answers.to(Doubt("body", "which body is at the origin?", "Orbits go around it."))
        _put(run, "body", body)
    _put(run, "body_radius", answers.given.get("body-radius", ""))
    if not _told(run, "body_radius", [str(look.radius or "") for look in looks]):
        _put(run, "body_radius", answers.to(doubt.body_radius(body)))
    if not _told(run, "frame", [look.frame for look in looks]):
        _put(run, "frame", answers.to(doubt.frame(body, "the simulation")))
    _put(run, "inner_boundary", answers.given.get("inner-boundary", ""))
    return body


def _unused(run: Any, answers: Answers) -> Iterator[str]:
    """Tell of flags that say other than the run file, which people have the last word in."""
    for key in _FLAGS:
        flag = key.replace("_", "-")
        if key in run and answers.given.get(flag, run[key]) != run[key]:
            yield f"{RUN_FILE} says {key} = {run[key]} already; --{flag} is not used"


def _overruled(run: Any, looks: Sequence[Look], answers: Answers) -> Iterator[str]:
    """Tell of flags that say other than the files, which tell it themselves."""
    stated = {
        "body": next((look.body for look in looks if look.body), None),
        "frame": next((look.frame for look in looks if look.frame), None),
    }
    for flag, told in stated.items():
        given = answers.given.get(flag)
        if told and given and given.casefold() != told.casefold() and flag not in run:
            yield f"the files say {flag} = {told}; --{flag} is not used"


def _ordered(run: Any) -> Any:
    """Give a table whose keys are in the order that people look for them."""
    table = tomlkit.table()
    for key in sorted(run, key=lambda key: _ORDER.index(key)):
        table[key] = run[key]
    return table


def _identify(run: Any, body: str, answers: Answers, origin: Origin, remarks: list[str]) -> None:
    """Put in who the run is."""
    if "model" not in run:
        model = answers.to(Doubt("model", "which model made the files?", "It is part of every id."))
        if model:
            _put(run, "model", f"spase://{origin.authority}/SimulationModel/{word(model)}")
    model = str(run.get("model", "")).rpartition("/")[2]
    if "model_type" not in run and not any(name in model.lower() for name in _METHODS):
        _put(
            run,
            "model_type",
            answers.to(
                Doubt(
                    "model-type",
                    f"how does {model or 'the model'} compute (MHD, Hybrid, PIC, Analytic, ...)?",
                    "Registries list models by it.",
                    choices=get_args(ModelType),
                )
            ),
        )
    if "id" not in run and model and body:
        name = answers.given.get("run") or origin.folder
        _put(run, "id", f"spase://{origin.authority}/SimulationRun/{model}/{body}/{word(name)}")
        remarks.append(f"the run is called after its folder: {run['id']}")
    _put(run, "title", answers.given.get("title", ""))


def _told(run: Any, key: str, stated: Sequence[str | None]) -> str:
    """Give what the run file says, else what a file does."""
    return str(run.get(key) or next(filter(None, stated), ""))


def _put(table: Any, key: str, text: str) -> None:
    """Put a text under a key, unless there is none, or the key is there."""
    if text and key not in table:
        table[key] = text


def _outputs(run: Any) -> Any:
    if "outputs" not in run:
        run["outputs"] = tomlkit.aot()
    return run["outputs"]


def _output(
    run: Any, name: str, look: Look, body: str, answers: Answers, remarks: list[str]
) -> Any:
    """Give the table of one output."""
    table = entry()
    match = _POPULATION.match(name)
    own = word(match[1] if match else name.rpartition(".")[0])
    authority, _, path = str(run.get("id", "")).partition("://")[2].partition("/")
    base = f"spase://{authority}/NumericalOutput/{path.partition('/')[2]}"
    taken = {str(output.get("id")) for output in run.get("outputs", ())}
    id = f"{base}/{own}"
    table["id"] = id if id not in taken else f"{base}/{word(name)}"
    table["file"] = name
    if match:
        table["population"] = match[1]
        remarks.append(f"{name}: by its name it is of the population {match[1]}")
    if look.grid_open:
        grid = answers.to(doubt.grid())
        table["grid"] = grid
        remarks.append(f"{name}: its values lie at the {grid} of its axes")
    wanted = []
    for axis, unit, first, last in look.axes:
        if not unit:
            wanted.append((axis, answers.to(doubt.axis_unit(axis, first, last, body))))
    for parameter in look.parameters:
        if not parameter.unit:
            asked = Doubt(
                f"unit {parameter.name}=...",
                f"which unit has {parameter.name} of {name}?",
                "The file does not tell.",
            )
            wanted.append((parameter.name, answers.to(asked)))
    if wanted:
        table["parameters"] = tomlkit.aot()
        for known, unit in wanted:
            override = entry()
            override["name"] = known
            override["unit"] = unit
            table["parameters"].append(override)
    return table


def entry() -> Any:
    """Give a table of a list, with an empty line before it."""
    table = tomlkit.table()
    table.trivia.indent = "\n"
    return table


def word(text: str) -> str:
    """Give a text as a step of an id."""
    return _NO_WORD.sub("-", text.strip()).strip("-.") or "unnamed"
