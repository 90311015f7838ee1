import json
import os
import sys
from pathlib import Path

config = json.loads(os.environ["TF_CONFIG"])
cluster, task = config["cluster"], config["task"]
if len({address for kind in cluster.values() for address in kind}) != 3:
    sys.exit(f"addresses: {cluster}")
text = " ".join(f"{len(addresses)} {kind}" for kind, addresses in cluster.items())
Path(sys.argv[1], f"{task['type']}{task['index']}.txt").write_text(text)
