"""Client of elitscope: frames to the server, atoms and their uncertainty back.

```python
from elitscope import Client

with Client("tcp://gpu-box:5555", stream="haadf") as client:
    result = client.infer(frame, sampling=0.12)
```
"""

from elitscope.client import Client
from elitscope.control import Controller
from elitscope.hotspots import HotspotTable
from elitscope.types import AtomTable, FrameInfo, Rejection, Result, Timing
from elitscope.version import __version__

__all__ = ["AtomTable", "Client", "Controller", "FrameInfo", "HotspotTable", "Rejection", "Result", "Timing", "__version__"]
