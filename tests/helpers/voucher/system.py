"""The toy system on the bench: who redeems a voucher when, what it opens, and a row of the report."""

from dataclasses import dataclass

from headend.ts.exposure import exposed_packets
from testbed.air import Air
from testbed.scenario import model
from testbed.scenario.broadcasts.on_air import OnAirExpect, OnAirPlan, prepare
from testbed.scenario.broadcasts.watching import OnAirRun, OnAirSystem, OnAirTerminal, watched
from testbed.scenario.run import Check
from testbed.scenario.seeded import seeded
from testbed.scenario.system import Session


@dataclass(frozen=True)
class VoucherPlan(OnAirPlan):
    price: int = 100

    @property
    def system(self):
        return SYSTEM


class VoucherSession(Session[OnAirRun]):
    def __init__(self, plan):
        super().__init__()
        self.plan, self.air, self.stations = plan, self.world.add(Air()), {}

    def add_terminal(self, name, machine):
        self.stations[name] = super().add_terminal(name, machine)
        return self.stations[name]

    def begin(self, content, begin_ms):
        for station in self.stations.values():
            self.air.tune(station, content.broadcaster)
        self.air.put_on(content.broadcaster, begin_ms)

    def act(self, action, station):
        station.say("voucher " + seeded(self.plan.seed, "programme secret")(32).hex())

    def collect(self, seen):
        content, begin_ms = seen.content, seen.begin_ms
        terminals = tuple(
            OnAirTerminal(name, station, path, watched(self.plan, content, station, path, begin_ms))
            for name, path in seen.received.items()
            for station in (self.stations[name],)
        )
        exposed = exposed_packets(content.broadcast)
        run = (self.plan, seen.runtime, begin_ms, content.length_ms, terminals)
        return OnAirRun(*run, content.scrambled, content.broadcast, exposed)


class VoucherSystem(OnAirSystem[VoucherPlan, OnAirRun]):
    plan, expect, actions, services = VoucherPlan, OnAirExpect, ("redeem",), ("voucher",)
    words = model.Words(("redeemed", "over"), "voucher", "voucher", "The voucher", "Timeline", "A voucher.")

    def read_plan(self, top, folder):
        price = top.table("voucher").take("price", int, VoucherPlan.price)
        return {**super().read_plan(top, folder), "price": price}

    def content(self, plan, making):
        return prepare(plan, making)

    def session(self, plan):
        return VoucherSession(plan)

    def key_checks(self, run, terminal, expect):
        redeemed = len(terminal.station.events("redeemed"))
        return [Check(f"{terminal.name}: a voucher was redeemed", redeemed == 1, str(redeemed))]

    def terminal_report(self, run, terminal, outcomes):
        at_ms = [event.at_ms - run.begin_ms for event in terminal.station.events("redeemed")]
        phases = tuple(model.Phase("redeemed", at, run.end_ms) for at in at_ms)
        rows = tuple((f"{at / 1000:.1f} s", f"{run.plan.price / 100:.2f}") for at in at_ms)
        records = model.Records("Vouchers", (model.Column("redeemed at"), model.Column("price", strong=True)), rows)
        return model.Terminal(terminal.name, outcomes, phases, records=(records,))


SYSTEM = VoucherSystem()
