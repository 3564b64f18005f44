"""What a run found, and its form in results.json."""

from dataclasses import dataclass, field

from bench.stats import Summary


@dataclass
class Results:
    """Figures by (system, scenario, metric); what failed stands in `errors`, never left out."""

    about: dict  # machine, plan, date
    systems: dict  # name -> {"title", "versions"}
    values: dict = field(default_factory=dict)
    errors: list = field(default_factory=list)

    def add(self, system, scenario, figures):
        """Take the figures of one repetition, {metric: number}."""
        for metric, value in figures.items():
            self.values.setdefault((system, scenario, metric), []).append(value)

    def add_error(self, system, scenario, error):
        """Note a failure once, however often it came."""
        entry = {"system": system, "scenario": scenario, "error": str(error)}
        if entry not in self.errors:
            self.errors.append(entry)

    def summary(self, system, scenario, metric):
        """The Summary of one metric; None when it was not measured."""
        values = self.values.get((system, scenario, metric))
        return Summary.of(values) if values else None

    def as_json(self):
        """A JSON value with everything."""
        measured = {}
        for system, scenario, metric in self.values:
            summary = self.summary(system, scenario, metric)
            by_metric = measured.setdefault(system, {}).setdefault(scenario, {})
            by_metric[metric] = {
                "median": rounded(summary.median),
                "min": rounded(summary.low),
                "max": rounded(summary.high),
                "values": [rounded(value) for value in summary.values],
            }
        return {
            "about": self.about,
            "systems": self.systems,
            "measured": measured,
            "errors": self.errors,
        }

    @classmethod
    def from_json(cls, data):
        """The Results that `as_json` described."""
        results = cls(data["about"], data["systems"], errors=data["errors"])
        for system, scenarios in data["measured"].items():
            for scenario, metrics in scenarios.items():
                for metric, summary in metrics.items():
                    results.values[system, scenario, metric] = summary["values"]
        return results


def rounded(value):
    """Six significant digits: more were noise."""
    return float(f"{value:.6g}")
