"""The scenario of `ringcast title demo`: played in vain, a licence comes, played and heard to the end."""

from headend.titles.protection import NONE
from settop.errors import LocalError

from testbed.scenario.plan import ActionPlan
from testbed.systems.titles.plan import TitlePlan, TitlesExpect, TitlesPlan

_TUNE_S = 5.0


def demo_plan(runtime: str, seed: int = 1, scheme: str = "cenc") -> TitlesPlan:
    """LocalError for a runtime or a scheme that it is not for."""
    if scheme == NONE:
        raise LocalError("a clear title needs no key, and the demonstration is about one: --scheme cenc or cbcs")
    song = TitlePlan(seconds=_TUNE_S, scheme=scheme)
    return TitlesPlan(
        runtime=runtime.partition(":")[0],
        seed=seed,
        title="A title is heard, and without its key it is silent",
        seconds=2.4 + _TUNE_S,
        titles=(song,),
        actions=(
            ActionPlan(0.2, "T1", "play", song.name),
            ActionPlan(1.2, "T1", "license", song.name),
            ActionPlan(1.7, "T1", "play", song.name),
        ),
        expects=(TitlesExpect("T1", said=("title_ended",), heard=(song.name,), dark=1, seconds=_TUNE_S),),
    )
