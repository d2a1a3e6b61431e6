"""Reads /metrics as Prometheus does, with the parsers of prometheus_client."""
import requests
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text

OPENMETRICS = "application/openmetrics-text;version=1.0.0"


class Scrape:
    """What one scrape told: the samples by name and labels."""

    def __init__(self, admin_port, accept=None, **headers):
        self.answer = requests.get(f"http://127.0.0.1:{admin_port}/metrics", timeout=5,
                                   headers=headers | ({"Accept": accept} if accept else {}))
        assert self.answer.status_code == 200, self.answer.text
        is_open = self.answer.headers["content-type"].startswith("application/openmetrics-text")
        read = openmetrics.text_string_to_metric_families if is_open else text.text_string_to_metric_families
        self.families = {family.name: family for family in read(self.answer.text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def value(self, name, **labels):
        """The sum of all series of that name with these labels."""
        return sum(s.value for s in self.samples if s.name == name and labels.items() <= s.labels.items())

    def labels(self, name, label):
        return {sample.labels[label] for sample in self.samples if sample.name == name}
