"""Unpacks frames with GDCM in a process of its own, which may die: GDCM ends it on some damaged ones.

A script of `mirage.images.child.Child`; it imports nothing of MIRAGE.
"""

from __future__ import annotations

from typing import Any


def begin() -> dict[str, Any]:
    """What it is asked, by name."""
    import gdcm  # noqa: PLC0415 - of the extra, found where the parent finds it

    gdcm.Trace.WarningOff()
    gdcm.Trace.ErrorOff()

    def unpack(syntax: str, size: list[int], kind: str, planar: int, form: list[int], data: bytes) -> tuple[Any, bytes]:
        fragment, fragments = gdcm.Fragment(), gdcm.SequenceOfFragments.New()
        fragment.SetByteStringValue(data)
        fragments.AddFragment(fragment)
        element = gdcm.DataElement(gdcm.Tag(0x7FE0, 0x0010))
        element.SetValue(fragments.__ref__())
        image = gdcm.Image()
        image.SetNumberOfDimensions(2)
        image.SetDimensions((*size, 1))
        image.SetDataElement(element)
        image.SetPhotometricInterpretation(gdcm.PhotometricInterpretation(gdcm.PhotometricInterpretation.GetPIType(kind)))
        if form[0] > 1:
            image.SetPlanarConfiguration(planar)
        image.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.GetTSType(syntax)))
        image.SetPixelFormat(gdcm.PixelFormat(*form))
        return {}, image.GetBuffer().encode("utf-8", "surrogateescape")  # it gives bytes as text

    return {"unpack": unpack}
