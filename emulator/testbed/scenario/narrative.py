"""What happened, in a paragraph, from the report's model."""

from collections.abc import Sequence

from testbed.scenario.model import ReportModel, Sentence, Terminal


def seconds(value_ms: int) -> str:
    """Milliseconds as seconds with as many decimals as they need, at least one: 4000 is "4.0 s"."""
    whole, rest = divmod(abs(value_ms), 1000)
    decimals = f"{rest:03d}".rstrip("0") or "0"
    return f"{'-' if value_ms < 0 else ''}{whole}.{decimals} s"


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers as people write them: "2 to 7, 9 and 11"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = []
    for run in runs:
        words += [f"{run[0]} to {run[-1]}"] if len(run) > 2 else [str(number) for number in run]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "none"


def narrative(model: ReportModel) -> str:
    """The whole run in a few sentences."""
    sentences = []
    if model.portions:
        count = len(model.portions)
        packets = sum(portion.scrambled_packets for portion in model.portions)
        length = seconds(model.end_ms - model.begin_ms)
        sentences.append(f"{count} portion{'s' * (count != 1)} went out in {length}, {packets:,} packets scrambled.")
    if model.exposed:
        sentences.append(f"{model.exposed:,} packets of the programme were CLEAR ON AIR: anybody could watch them.")
    for terminal in model.terminals:
        name = terminal.name[:1].upper() + terminal.name[1:] if len(model.terminals) > 1 else "The terminal"
        sentences += _told(terminal.story.before, name)
        if model.portions:
            sentences += _opened(model, terminal)
        sentences += _told(terminal.story.behind, name) + _compared(terminal) + _told(terminal.story.end, name)
    return " ".join(sentences)


def _told(sentences: Sequence[Sentence], name: str) -> list[str]:
    return [f"{name} {sentence.text}" if sentence.named else sentence.text for sentence in sentences]


def _opened(model: ReportModel, terminal: Terminal) -> list[str]:
    sentences = []
    pairs = list(zip(model.portions, terminal.outcomes, strict=True))
    clear = [p.index for p, o in pairs if p.scrambled_packets and o.clear_packets >= p.scrambled_packets]
    partly = [p.index for p, o in pairs if 0 < o.clear_packets < p.scrambled_packets]
    if clear:
        sentences.append(f"Portion{'s' * (len(clear) > 1)} {ranges(clear)} came out clear.")
    if partly:
        sentences.append(f"Portion{'s' * (len(partly) > 1)} {ranges(partly)} came out in part.")
    if not clear and not partly:
        sentences.append("Nothing was put out." if model.exposed else "Every portion stayed dark.")
    return sentences


def _compared(terminal: Terminal) -> list[str]:
    sentences = []
    opened = sum(outcome.clear_packets for outcome in terminal.outcomes)
    damaged = sum(outcome.damaged_packets for outcome in terminal.outcomes)
    equal = all(outcome.clear_equal_original is not False for outcome in terminal.outcomes)
    if opened:
        verdict = "every one equal bit for bit to the original" if equal else "NOT all equal to the original"
        sentences.append(f"{opened:,} packets were opened, {verdict}.")
    if damaged:
        sentences.append(f"{damaged:,} packet{'s' * (damaged != 1)} came out damaged.")
    return sentences
