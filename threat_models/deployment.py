"""What is public about a deployment, and decides which claims speak of it."""

from dataclasses import dataclass

from fedstyle_secure.aggregation.session import NO_LOG, Subject, session_params
from fedstyle_secure.config import Settings
from fedstyle_secure.privacy.sizing import Mode, Noise
from fedstyle_secure.runs.budget import plan_budget
from fedstyle_secure.runs.train import DIMENSIONS, OUTPUTS
from protocols.errors import ParametersError
from protocols.graph import Adversary, check

DELTA = 1e-5
"""At which the epsilons of all claims are stated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """Public parameters.

    Attributes:
        settings: Of the run; its folders do not matter.
        clients: Artists in a session: all, or those of the largest bucket.
        corrupt: Artists assumed to work with the server.
        min_survivors: Fewest artists in a sum.
        degree: Neighbors of each artist in a session.
        threshold: Neighbors whose shares give back a secret.
        artworks: Fewest artworks behind an artist's releases.
        pinned: Whether artists have one another's identities from somebody else than the server.
        questions: How many a buyer may ask of a catalogue that is searched on its behalf; None where buyers hold the
            catalogue's files.
        top: Most names in such an answer.
    """

    settings: Settings
    clients: int
    corrupt: int
    min_survivors: int
    degree: int
    threshold: int
    artworks: int
    pinned: bool = True
    questions: int | None = None
    top: int = 5

    @classmethod
    def plan(
        cls, settings: Settings, artists: int, *, pinned: bool = True, questions: int | None = None, top: int = 5
    ) -> "Deployment":
        """What a run with these settings and so many artists will be.

        Raises:
            InputError: the cohort cannot bear the dropouts or corrupt artists asked for.
            PrivacyError: no noise meets epsilon.
        """
        cohort = plan_budget(settings, clients=artists, dimensions=DIMENSIONS, outputs=OUTPUTS).cohort
        nothing = bytes(32)
        session = session_params(
            [number.to_bytes(32, "big") for number in range(cohort.clients)],
            Subject(
                iteration=1, model_digest=nothing, architecture_digest=nothing, anchors_digest=nothing, agreed=NO_LOG
            ),
            cohort.mechanism(1, dimensions=DIMENSIONS, outputs=OUTPUTS),
            session=1,
            server_key=nothing,
        )
        return cls(
            settings=settings,
            clients=session.clients,
            corrupt=session.corrupt,
            min_survivors=session.min_survivors,
            degree=session.degree,
            threshold=session.threshold,
            artworks=min(7 * settings.min_artworks // 10, settings.max_artworks),  # queries are held out
            pinned=pinned,
            questions=questions,
            top=top,
        )

    @property
    def honest(self) -> int:
        """Artists in any sum who do not work with the server."""
        return self.min_survivors - self.corrupt

    @property
    def is_noised(self) -> bool:
        """Whether artists add shares of discrete Gaussian noise, which is what was attacked."""
        return self.settings.privacy is Mode.DISTRIBUTED and self.settings.noise is Noise.GAUSSIAN and self.honest > 0

    def has_noise_of(self, epsilon: float) -> bool:
        """Whether every release has at least the noise of an unsampled run at this epsilon."""
        settings = self.settings
        return (
            self.is_noised and settings.sampling_rate == 1 and settings.epsilon <= epsilon and settings.delta <= DELTA
        )

    @property
    def withstands_lies(self) -> bool:
        """Whether an artist would accept the session's graph from a server that lies (POL-3)."""
        try:
            check(
                self.clients,
                degree=self.degree,
                threshold=self.threshold,
                corrupt=self.corrupt,
                adversary=Adversary.MALICIOUS,
                dropouts=self.clients - self.min_survivors,
            )
        except ParametersError:
            return False
        return True
