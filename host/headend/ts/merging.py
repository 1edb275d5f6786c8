"""Puts together what goes into a stream: changed tables and entitlement messages, in order."""

from headend.ts.io.output import Splice
from headend.ts.signal.ecm_schedule import PlacedEcm


class Merger:
    """Call `merge` with rising `first`. `added`: by how many packets the output is longer so far; `first_in_output`:
    the packet of the output with which each portion begins.
    """

    def __init__(self) -> None:
        self.added = 0
        self.first_in_output: list[int] = []

    def merge(self, first: int, edits: list[Splice], ecms: list[PlacedEcm]) -> list[Splice]:
        """All splices of the packets from `first` on. `edits` count rows from there, `ecms` packets of the input.

        What a longer PMT adds comes before an ECM at the same place: that may begin the next portion.
        """
        merged: list[Splice] = []
        row = 0
        for ecm in ecms:
            while row < len(edits) and edits[row].row + first <= ecm.at:
                if edits[row].row + first == ecm.at and edits[row].leaves_out:
                    break  # that replaces the packet which follows the ECM
                self.added += edits[row].growth
                merged.append(edits[row])
                row += 1
            if ecm.begins:
                self.first_in_output.append(ecm.at + self.added)
            merged.append(Splice(ecm.at - first, ecm.in_place, ecm.packet))
            self.added += merged[-1].growth
        self.added += sum(splice.growth for splice in edits[row:])
        return merged + edits[row:]
