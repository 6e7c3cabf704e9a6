"""Ghost norms against PyTorch's own gradients, formed row by row; one row against another's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.errors import InternalError

torch = pytest.importorskip("torch")

from understudy.synthesize.neural.ghost import (  # noqa: E402
    GhostGradients,
    Layers,
)
from understudy.synthesize.neural.rowhash import row_normals, row_uniforms  # noqa: E402
from understudy.synthesize.neural.shape import parts_of, size_of  # noqa: E402

LAYOUT = {
    "codes": (9, 5),
    "codes_bias": (5,),
    "numbers": (2, 5),
    "hidden": (5, 4),
    "hidden_bias": (4,),
    "one": (9, 3),
    "one_bias": (3,),
    "two": (9, 2),
    "two_bias": (2,),
}
"""Codes and numbers in, a concatenation of layers, two heads."""

STARTS = np.array([0, 4, 6])


def weights(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.8, size_of(LAYOUT)).astype(np.float32)


def rows(count: int = 8, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, count) for size in (4, 2, 3)], axis=1)


def losses(linear: Any, lookup: Any, codes: np.ndarray, step: int, kind: Any) -> Any:
    """What both ways compute: any mixture of layers, activations and noise of the row's own."""
    numbers = torch.tensor(row_normals(codes, step, 2), dtype=kind)
    first = torch.relu(lookup("codes", torch.tensor(codes + STARTS)) + linear("numbers", numbers))
    second = torch.tanh(linear("hidden", first))
    both = torch.cat([first, second], dim=1)
    three, two = linear("one", both), linear("two", both)
    loss = -torch.log_softmax(three, dim=1).gather(1, torch.tensor(codes[:, 2:]))[:, 0]
    return loss + (two**2).sum(1) * torch.sigmoid(two[:, 0])


def formed(flat: np.ndarray, codes: np.ndarray, step: int = 3) -> np.ndarray:
    """Every row's gradient by autograd on that row alone, in double precision."""
    found = []
    for row in codes:
        every = torch.tensor(flat, dtype=torch.float64, requires_grad=True)
        part = parts_of(LAYOUT, every)

        def linear(name: str, inputs: Any, part: Any = part) -> Any:
            return inputs @ part[name] + part.get(f"{name}_bias", 0.0)

        def lookup(name: str, seen: Any, part: Any = part) -> Any:
            return part[name][seen].sum(1) + part[f"{name}_bias"]

        losses(linear, lookup, row[None, :], step, torch.float64).sum().backward()
        found.append(every.grad.numpy())
    return np.array(found)


def gradients(flat: np.ndarray, *, by_layer: bool = False) -> GhostGradients:
    layers = Layers(LAYOUT, torch.tensor(flat))

    def loss(codes: np.ndarray, step: int) -> Any:
        return losses(layers.linear, layers.lookup, codes, step, torch.float32)

    return GhostGradients(layers, loss, by_layer=by_layer)


def test_norms_and_sums_are_those_of_gradients_formed_one_by_one() -> None:
    flat, codes = weights(), rows()
    exact = formed(flat, codes)
    made = gradients(flat)
    assert np.allclose(made.norms(codes, 3), np.linalg.norm(exact, axis=1), rtol=2e-5)
    weight = np.linspace(0.1, 2.0, len(codes))
    assert np.allclose(made.weighted(weight), weight @ exact, rtol=1e-4, atol=1e-5)


def test_layers_have_norms_and_weights_of_their_own() -> None:
    flat, codes = weights(), rows()
    exact = formed(flat, codes)
    made = gradients(flat, by_layer=True)
    norms = made.norms(codes, 3)
    assert norms.shape == (len(codes), made.parts)
    owner = np.concatenate(
        [
            np.full(int(np.prod(form)), made.layers.names.index(name.removesuffix("_bias")))
            for name, form in LAYOUT.items()
        ]
    )
    for place in range(made.parts):
        assert np.allclose(
            norms[:, place], np.linalg.norm(exact[:, owner == place], axis=1), rtol=2e-5
        )
    weight = np.random.default_rng(0).random(norms.shape)
    assert np.allclose(
        made.weighted(weight), (weight[:, owner] * exact).sum(0), rtol=1e-4, atol=1e-5
    )


def test_the_plain_gradient_is_the_mean_of_all() -> None:
    flat, codes = weights(), rows()
    made = gradients(flat)
    made.layers.begin()
    out = torch.empty(size_of(LAYOUT))
    made.layers.gradient(made.loss(codes, 3), out)
    assert np.allclose(out.numpy(), formed(flat, codes).mean(0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bug", ["bias", "inputs"])
def test_a_norm_that_forgets_something_is_noticed(
    monkeypatch: pytest.MonkeyPatch, bug: str
) -> None:
    """The bug put in: rows would be clipped too little."""
    flat, codes = weights(), rows()
    exact = np.linalg.norm(formed(flat, codes), axis=1)
    made = gradients(flat)
    made.norms(codes, 3)
    for one in made.layers._passes:
        if bug == "bias":
            one.bias = False
        elif not one.codes:
            one.inputs = one.inputs * 0.5
    short = made.layers.squared_norms().sum(1).sqrt().numpy()
    assert np.all(short < exact * 0.999)


def test_a_row_has_the_same_gradient_in_any_company() -> None:
    """Trap 25: alone, among others, in another place."""
    flat, codes = weights(), rows(12)
    made = gradients(flat)
    together = made.norms(codes, 5)
    alone = np.array([made.norms(row[None, :], 5)[0] for row in codes])
    turned = made.norms(codes[::-1].copy(), 5)[::-1]
    assert np.allclose(together, alone, rtol=1e-5)
    assert np.allclose(together, turned, rtol=1e-5)


def test_company_that_matters_is_noticed() -> None:
    """The bug of trap 25 put in: a layer is centred over the batch."""
    flat, codes = weights(), rows(12)
    made = gradients(flat)
    real = made.layers.linear

    def centred(name: str, inputs: Any) -> Any:
        told = real(name, inputs)
        return told - told.mean(dim=0, keepdim=True)

    made.layers.linear = centred  # type: ignore[method-assign]
    alone = np.array([made.norms(row[None, :], 5)[0] for row in codes])
    assert not np.allclose(made.norms(codes, 5), alone, rtol=1e-2)


def test_no_rows_at_all_sum_to_zero() -> None:
    made = gradients(weights())
    assert made.norms(rows(0), 1).shape == (0,)
    assert not np.any(made.weighted(np.zeros(0)))
    assert made.weighted(np.zeros(0)).shape == (size_of(LAYOUT),)


def test_a_layer_used_twice_is_refused() -> None:
    """Its gradient would be a sum of outer products, and the norm not a product of norms."""
    layers = Layers(LAYOUT, torch.tensor(weights()))
    layers.linear("numbers", torch.zeros(2, 2))
    with pytest.raises(InternalError, match="once"):
        layers.linear("numbers", torch.zeros(2, 2))
    with pytest.raises(InternalError, match="backward"):
        layers.squared_norms()
    with pytest.raises(InternalError, match="layout"):
        Layers({"deep": (2, 2, 2)}, torch.zeros(8))


def test_numbers_of_a_row_are_normal_and_its_own() -> None:
    """n = 40,000 rows of distinct codes; 0.03 is 6 standard errors of a mean, 4 of a variance."""
    codes = np.stack([np.arange(40_000) % 200, np.arange(40_000) // 200], axis=1)
    drawn = row_normals(codes, 11, 3)
    assert drawn.dtype == np.float32
    assert np.abs(drawn.mean(0)).max() < 0.03
    assert np.abs(drawn.var(0) - 1.0).max() < 0.03
    assert np.abs(np.corrcoef(drawn.T) - np.eye(3)).max() < 0.03
    assert np.array_equal(drawn[7:9], row_normals(codes[7:9], 11, 3))
    assert not np.array_equal(drawn, row_normals(codes, 12, 3))
    uniform = row_uniforms(codes, 11, 1)
    assert 0 < uniform.min() < uniform.max() < 1
