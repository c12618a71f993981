"""What a platform begins with: the style space that its operator chose, of public art alone."""

import pytest

from fedstyle_secure.encoder.spec import BackboneSpec
from fedstyle_secure.encoder.whitening import Space, Whitening
from fedstyle_secure.runs import founding
from fedstyle_secure.runs.founding import lay_foundation
from fedstyle_secure.runs.train import DIMENSIONS
from tests.stand_ins import Eye


@pytest.mark.parametrize("space", list(Space))
def test_the_space_that_was_chosen_is_founded(tmp_path, art, monkeypatch, space):
    monkeypatch.setattr(founding, "open_encoder", lambda _spec: Eye())
    made = lay_foundation(art, BackboneSpec(), space=space, features_cache=tmp_path)
    public = [views[:, 0] for views in made.public]
    own = Whitening.fit_space(space, public, pooled_size=Eye.pooled_size, dimensions=DIMENSIONS)
    assert made.model.whitening.digest == own.digest
