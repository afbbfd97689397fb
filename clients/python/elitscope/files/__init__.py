"""Files in and out: frames of any microscope's format, results as HDF5, overlays as PNG.

Importing this costs NumPy only; each format's library is loaded when a file needs it (`pip install "elitscope[files]"`).
"""

from elitscope.files.errors import FileUnreadable, FileUnwritable, MissingLibrary
from elitscope.files.plot import overlay_png
from elitscope.files.read import open_frames, readable_extensions
from elitscope.files.save import ResultWriter
from elitscope.files.saved import read_results
from elitscope.files.source import FrameSource

__all__ = [
    "FileUnreadable",
    "FileUnwritable",
    "FrameSource",
    "MissingLibrary",
    "ResultWriter",
    "open_frames",
    "overlay_png",
    "read_results",
    "readable_extensions",
]
