"""What a Stable Diffusion pipeline reads, and what becomes of what it drew: embeddings, previews, decoding, black images."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from mirage.generate.generators.base import Request
from mirage.generate.generators.diffusers_pipeline import Loaded, libraries

_PREVIEW = 24  # side of what a preview decodes, in latent cells: an image of 192 pixels
# A preview may be asked for by another thread while the decoder is for once in another precision.
_decoding = threading.Lock()

AGAIN = "Half precision overflowed when the image was decoded; it was decoded again in 32 bits."
OVERFLOWED = (
    "Nothing came out: the numbers overflowed while it was drawn (not a number), which half precision does. "
    "Draw it in float32, with less guidance, or from another seed."
)
UNDECODED = "Nothing came out: the numbers overflowed when the image was decoded, in 32 bits too. The model may be damaged."
UNSAFE = (
    "Nothing came out: the model's own safety checker took the image for indecent and blackened it. It is often wrong about "
    "medical images. Draw it from another seed, or say it in other words."
)
EVEN = "The image came out in one even colour. Neither the safety checker nor an overflow did it: the model drew it so."


def embeddings(loaded: Loaded, request: Request) -> tuple[Any, Any]:
    """The prompt and what it is set against, (1, tokens, width) each.

    The prompt is the mean of the embeddings of the wanted terms by weight. It is set against the mean of the unwanted ones
    (`request.negative` with weight 1 among them), as far as the heaviest of them weighs against the heaviest wanted one; the
    rest is the empty prompt, so that "less of: contrast@0.1" steers less than "less of: contrast".
    """
    torch, _ = libraries()
    wanted = [(term.text, term.weight) for term in request.terms if term.weight > 0]
    unwanted = [(term.text, -term.weight) for term in request.terms if term.weight < 0]
    unwanted += [(request.negative, 1.0)] if request.negative else []

    def mean(texts: list[tuple[str, float]]) -> Any:
        each, _ = loaded.pipe.encode_prompt([text for text, _ in texts], loaded.place.device, 1, False)
        weights = torch.tensor([weight for _, weight in texts], dtype=torch.float32, device=each.device)
        return torch.einsum("n,ntw->tw", weights / weights.sum(), each.float())[None]

    prompt, against = mean(wanted), mean([("", 1.0)])
    if unwanted:
        share = min(1.0, max(weight for _, weight in unwanted) / max(weight for _, weight in wanted))
        against = share * mean(unwanted) + (1 - share) * against
    return tuple(told.to(loaded.pipe.text_encoder.dtype) for told in (prompt, against))


def inputs(loaded: Loaded, request: Request, generator: Any) -> tuple[Any, dict[str, Any]]:
    """The pipeline to call and what it begins from: noise of the seed, or a picture with some noise."""
    torch, _ = libraries()
    pipe = loaded.pipe
    steps, width, height = int(request.steps or 1), int(request.width or 0), int(request.height or 0)
    if request.start is not None:
        start = ImageOps.pad(request.start.convert("RGB"), (width, height), Image.Resampling.LANCZOS)
        least = (1 + 1e-6) / steps  # of which it makes one step
        return loaded.from_picture, {"image": start, "strength": max(request.strength, least), "generator": generator}
    cells = (1, pipe.unet.config.in_channels, height // pipe.vae_scale_factor, width // pipe.vae_scale_factor)
    # Noise is made in 32 bits on the processor, so that a seed means the same on every device and in every precision.
    noise = torch.randn(cells, generator=generator, dtype=torch.float32)
    latents = noise.to(loaded.place.device, getattr(torch, loaded.place.dtype))
    return pipe, {"latents": latents, "width": width, "height": height, "generator": generator}


def preview(loaded: Loaded, latents: Any) -> Callable[[], Image.Image]:
    """How to see what the image will be, small: what DPM-Solver++ takes the clean image for, else the noisy one."""
    torch, _ = libraries()
    clean = (getattr(loaded.pipe.scheduler, "model_outputs", None) or [None])[-1]
    seen = clean if clean is not None and clean.shape == latents.shape else latents

    def make() -> Image.Image:
        with torch.inference_mode():
            factor = -(-max(seen.shape[-2:]) // _PREVIEW)
            small = torch.nn.functional.avg_pool2d(seen.float(), factor, ceil_mode=True)
            with _decoding:
                return _picture(_decode(loaded, small))

    return make


def finished(loaded: Loaded, latents: Any) -> tuple[Image.Image, tuple[str, ...], bool]:
    """Decode what was drawn: the image, remarks about it, and whether it is blank."""
    torch, _ = libraries()
    remarks: tuple[str, ...] = ()
    black = Image.new("RGB", tuple(side * loaded.pipe.vae_scale_factor for side in reversed(latents.shape[-2:])))
    with torch.inference_mode():
        if not bool(torch.isfinite(latents).all()):
            return black, (OVERFLOWED,), True
        with _decoding:
            image = _decode(loaded, latents)
            if not bool(torch.isfinite(image).all()):
                image, remarks = _decode_in_32_bits(loaded, latents), (AGAIN,)
        if not bool(torch.isfinite(image).all()):
            return black, (UNDECODED,), True
        _, flagged = loaded.pipe.run_safety_checker(image.clone(), loaded.place.device, loaded.pipe.unet.dtype)
        if flagged and any(flagged):
            return black, (*remarks, UNSAFE), True
        picture = _picture(image)
    shades = np.asarray(picture)
    if bool((shades == shades[0, 0]).all()):
        return picture, (*remarks, EVEN), True
    return picture, remarks, False


def _decode(loaded: Loaded, latents: Any) -> Any:
    vae = loaded.pipe.vae
    return vae.decode(latents.to(vae.dtype) / vae.config.scaling_factor, return_dict=False)[0]


def _decode_in_32_bits(loaded: Loaded, latents: Any) -> Any:
    torch, _ = libraries()
    vae, usual = loaded.pipe.vae, loaded.pipe.vae.dtype
    try:
        vae.to(dtype=torch.float32)
        return _decode(loaded, latents)
    finally:
        # The next image is decoded as if this one had never been: same request, same image.
        vae.to(dtype=usual)


def _picture(image: Any) -> Image.Image:
    """(1, 3, h, w) in −1…1 to a picture."""
    shown = (image[0].float().nan_to_num(-1.0) / 2 + 0.5).clamp(0, 1)
    return Image.fromarray((shown * 255).round().byte().permute(1, 2, 0).cpu().numpy(), "RGB")
