"""The models that MIRAGE knows: what each is for, under which licence, and which revision is meant.

What is not known for sure is left empty and shown as such: an empty revision is *not pinned*, a size of 0 *not known*.
"""

from __future__ import annotations

from dataclasses import dataclass

from mirage.wording import N_

ENCODER, GENERATOR, EXPLAINER = N_("encoder"), N_("generator"), N_("explainer")

# Estimates take a quarter more than the weights: activations, and what a library keeps beside them.
SPARE = 1.25


@dataclass(frozen=True, slots=True)
class Pin:
    """A model that MIRAGE knows.

    Attributes
    ----------
    id : str
        Of the model hub (``org/name``), or MIRAGE's own name for what ships.
    licence : str
        Of the weights, as their makers state it.
    role : str
        ``encoder``, ``generator`` or ``explainer``.
    adapter : str
        Which adapter of MIRAGE opens it.
    revision : str
        The commit that is meant, whole or its first digits; empty when not pinned.
    size : int
        Bytes to download; 0 when not known.
    memory : int
        Bytes it takes in use: measured for those that ship, else by its number of parameters; 0 when not known.
    used_for : str
        What MIRAGE does with it.
    caveats : tuple of str
        What one has to know of it, as sentences.
    gated : bool
        Whether its terms must be accepted at the hub first.
    files : tuple of str
        Of one that comes with MIRAGE, and not from a hub: those without which it cannot be used.
    """

    id: str
    licence: str
    role: str
    adapter: str = ""
    revision: str = ""
    size: int = 0
    memory: int = 0
    used_for: str = ""
    caveats: tuple[str, ...] = ()
    gated: bool = False
    files: tuple[str, ...] = ()

    @property
    def ships(self) -> bool:
        """Whether it comes with MIRAGE."""
        return bool(self.files)


PINS: tuple[Pin, ...] = (
    Pin(
        id="starter-encoder",
        licence="Apache-2.0",
        role=ENCODER,
        adapter="starter",
        memory=333_000_000,
        used_for=N_("Words and pictures to vectors, offline, when nothing else is chosen."),
        files=("config.json", "image.onnx", "text.onnx", "tokenizer.json"),
    ),
    Pin(
        id="starter-generator",
        licence="Apache-2.0",
        role=GENERATOR,
        adapter="starter",
        memory=290_000_000,
        used_for=N_("Small synthetic images, offline, when nothing else is chosen."),
        files=("config.json", "patches.npz", "unet.onnx"),
    ),
    Pin(
        id="luhuitong/CLIP-ViT-L-14-448px-MedICaT-ROCO",
        licence="Apache-2.0",
        role=ENCODER,
        adapter="open_clip",
        size=1_710_000_000,
        memory=int(1_710_000_000 * SPARE),
        used_for=N_("The encoder of the paper (profile `paper`): 768 dimensions, 448 px, 77 tokens."),
        caveats=(
            N_(
                "It was tuned on MedICaT and ROCO: figures of ROCO's validation and test splits may have been seen in "
                "training, through MedICaT too, so its scores on ROCO may be too good."
            ),
            N_("Its configuration may lack quick_gelu: check which activation its weights want."),
        ),
    ),
    Pin(
        id="flaviagiammarino/pubmed-clip-vit-base-patch32",
        licence="MIT",
        role=ENCODER,
        adapter="transformers",
        used_for=N_("PubMedCLIP, an encoder to compare with: 512 dimensions, 224 px."),
        caveats=(N_("It was trained on ROCO: its scores on ROCO say less than those on other collections."),),
    ),
    Pin(
        id="microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224",
        licence="MIT",
        role=ENCODER,
        adapter="open_clip",
        used_for=N_("BiomedCLIP, an encoder to compare with: 512 dimensions, 224 px, 256 tokens."),
        caveats=(
            N_(
                "It was trained on figures of PubMed Central (PMC-15M), where ROCO's come from too: figures of ROCO's test "
                "split may have been seen."
            ),
        ),
    ),
    Pin(
        id="google/medsiglip-448",
        licence="HAI-DEF",
        role=ENCODER,
        adapter="transformers",
        memory=int(800_000_000 * 4 * SPARE),
        used_for=N_("MedSigLIP, an encoder to compare with: 1152 dimensions, 448 px, 64 tokens."),
        gated=True,
    ),
    Pin(
        id="Nihirc/Prompt2MedImage",
        revision="84d734c",
        licence="WTFPL",
        role=GENERATOR,
        adapter="diffusers",
        used_for=N_("The generator of the paper (profile `paper`): Stable Diffusion 1 tuned on ROCO, 77 tokens."),
        caveats=(N_("No figure was published of how good its images are."),),
    ),
    Pin(
        id="databricks/dolly-v2-3b",
        revision="01da2f90559f13cf1849b16f51a9fd52e70d406c",
        licence="MIT",
        role=EXPLAINER,
        adapter="transformers",
        memory=int(2_800_000_000 * 2 * SPARE),
        used_for=N_("The language model of the paper (profile `paper`)."),
        caveats=(
            N_("The main branch lists only a pickle; this revision has safetensors."),
            N_("It was not made for medicine: every sentence of it is checked against the evidence."),
        ),
    ),
)

_BY_ID = {pin.id.lower(): pin for pin in PINS}


def pin_of(model_id: str) -> Pin | None:
    """What is known of a model, by its id in any case; None of an unknown one.

    Parameters
    ----------
    model_id : str
        With or without a leading ``hf-hub:``, as open_clip names the hub.
    """
    return _BY_ID.get(bare(model_id).lower())


def bare(model_id: str) -> str:
    """An id without ``hf-hub:``, and as its makers spell it where it is known."""
    name = model_id.strip().removeprefix("hf-hub:").strip("/")
    known = _BY_ID.get(name.lower())
    return known.id if known else name
