"""Finding: one named condition of a training run, how sure we are of it, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from goodfit.messages import Message, catalogue, say

__all__ = ["SEVERITIES", "Cause", "Finding", "Remedy", "Severity"]

SURE, LIKELY = 0.8, 0.5
"""Confidence from which a finding is stated plainly, and from which it is called probable."""

Severity = Literal["info", "warning", "error"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True)
class Cause:
    """A likely cause of a finding, itself a finding's code, with its share of the belief."""

    code: str
    confidence: float


@dataclass(frozen=True)
class Remedy:
    """Something to do about a finding: the recipe fields that change, empty where no field serves.

    The words are ``findings.remedies.<code>`` in the catalogue; they may use the recipe's values and
    those of the finding's evidence.
    """

    code: str
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Finding:
    """A named condition with its evidence; its words are in the catalogue under ``findings.<code>``.

    Parameters
    ----------
    code
        Stable name, such as ``overfitting``.
    severity
        ``error``: the model is unusable; ``warning``: acting on it would improve the last epoch's
        validation loss by more than 5 %, or the score cannot be trusted; ``info``: the rest.
    confidence
        Between 0 and 1.
    epoch
        The first epoch it is seen at; None where it has none.
    evidence
        Numbers (and short names) by which it was recognised; the explanation's placeholders.
    variant
        Chooses another wording of the explanation (``findings.<code>.explanation-<variant>``).
    remarks
        Sentences that follow the explanation, such as in how many seeds it is seen.
    """

    code: str
    severity: Severity
    confidence: float
    epoch: float | None = None
    evidence: Mapping[str, Any] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    symptoms: tuple[str, ...] = ()
    remedies: tuple[Remedy, ...] = ()
    variant: str | None = None
    remarks: tuple[Message, ...] = ()

    def title(self, language: str = "en") -> str:
        """Return the name a newcomer understands; the code where only another version has words for it."""
        if not self.known:
            return self.code
        own = f"findings.{self.code}.title-{self.variant}"
        return say(own if own in catalogue("en") else f"findings.{self.code}.title", language)

    def statement(self, language: str = "en") -> str:
        """Return the title, said as surely as it is known.

        >>> Finding("overfitting", "info", 0.6).statement()
        'Probably: the network overfits'
        """
        title = self.title(language)
        if not self.known or self.confidence >= SURE:
            return title
        how = "probably" if self.confidence >= LIKELY else "possibly"
        return say(f"findings.confidence.{how}", language, title=title[0].lower() + title[1:])

    @property
    def known(self) -> bool:
        """Whether this version has words for it."""
        return f"findings.{self.code}.title" in catalogue("en")

    def explanation(self, language: str = "en") -> str:
        """Return what was seen and what it means, in a sentence or two."""
        if not self.known:
            return Message(self.code, self.evidence).text(language)
        key = "explanation" if self.variant is None else f"explanation-{self.variant}"
        words = Message(f"findings.{self.code}.{key}", {"epoch": self.epoch, **self.evidence})
        return " ".join(message.text(language) for message in (words, *self.remarks))

    def remedy_titles(self, language: str = "en") -> list[str]:
        """Return what to do, a sentence for each remedy."""
        return [
            Message(name, {**self.evidence, **remedy.recipe}).text(language)
            if (name := f"findings.remedies.{remedy.code}") in catalogue("en")
            else remedy.code
            for remedy in self.remedies
        ]

    def to_dict(self, language: str = "en") -> dict[str, Any]:
        """Return the finding as plain data, words included, as `--format json` prints it."""
        return {
            "code": self.code,
            "severity": self.severity,
            "confidence": round(self.confidence, 3),
            "epoch": self.epoch,
            "title": self.title(language),
            "explanation": self.explanation(language),
            "evidence": dict(self.evidence),
            "causes": [{"code": cause.code, "confidence": cause.confidence} for cause in self.causes],
            "symptoms": list(self.symptoms),
            "remedies": [
                {"code": remedy.code, "title": title, "recipe": dict(remedy.recipe)}
                for remedy, title in zip(self.remedies, self.remedy_titles(language), strict=True)
            ],
            "variant": self.variant,
            **({"remarks": [remark.to_dict() for remark in self.remarks]} if self.remarks else {}),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Finding:
        """Rebuild a finding from `to_dict`; its words come from the catalogue again."""
        evidence = dict(data["evidence"])
        if "class_number" in evidence:  # older runs have no name for it
            evidence.setdefault("class_name", str(evidence["class_number"]))
        return cls(
            code=data["code"],
            severity=data["severity"],
            confidence=data["confidence"],
            epoch=data["epoch"],
            evidence=evidence,
            causes=tuple(Cause(item["code"], item["confidence"]) for item in data["causes"]),
            symptoms=tuple(data["symptoms"]),
            remedies=tuple(Remedy(item["code"], dict(item["recipe"])) for item in data["remedies"]),
            variant=data.get("variant"),
            remarks=tuple(Message.from_dict(remark) for remark in data.get("remarks", ())),
        )

    def __repr__(self) -> str:
        since = "" if self.epoch is None else f", epoch {self.epoch:g}"
        return f"<Finding {self.code}: {self.severity}, confidence {self.confidence:.2f}{since}>"
