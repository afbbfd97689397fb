"""What `elitscope stream ... --save OUT.h5` wrote, frame by frame: atoms, and how far the networks disagree on where they are.

python read_results.py OUT.h5
"""

import sys

import numpy as np

from elitscope import Rejection
from elitscope.files import read_results


def main(path):
    for reply in read_results(path):
        if isinstance(reply, Rejection):
            print(f"frame {reply.frame_id}: {reply.code}")
            continue
        if reply.atoms is None:  # not asked for, with --outputs
            print(f"frame {reply.frame_id}: no atoms were asked for")
            continue
        made_by = f"{reply.ensemble} {reply.ensemble_version}, networks {reply.members}, revision {reply.revision}"
        for class_id, name in enumerate(reply.classes):
            atoms = reply.atoms[reply.atoms["class_id"] == class_id]
            spread = np.hypot(atoms["sigma_row"], atoms["sigma_column"])
            known = spread[np.isfinite(spread)]
            where = f"{np.median(known):.2f} px" if known.size else "unknown"
            print(f"frame {reply.frame_id}: {len(atoms)} {name}, position spread {where} ({made_by})")


if __name__ == "__main__":
    main(*sys.argv[1:])
