import os
from pathlib import Path

tried = Path(os.environ["LAKEFLOW_LOCAL_DATA"], "tried")
if not tried.exists():
    tried.touch()
    raise ConnectionError("it does not answer at first")
