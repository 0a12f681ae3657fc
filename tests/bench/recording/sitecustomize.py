"""Python runs this when a service starts with this folder on its path: the rehearsal's recorder is switched on.

Services know nothing of it. `engine.py` sets the path and `BENCH_RECORD` in the rehearsal, never in a measured run.
"""

import os

if folder := os.environ.get("BENCH_RECORD"):
    import recorder

    recorder.install(folder)
