"""The network: its gradient by hand against PyTorch's own, and one row's against another's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from understudy.synthesize.neural.codes import (
    AutoregressiveCodes,
    NetworkArrays,
    calibrated,
    spread_draw,
)
from understudy.synthesize.neural.shape import Shape

torch = pytest.importorskip("torch")

from understudy.synthesize.neural.network import Network, RowGradients, row_orders  # noqa: E402

SHAPE = Shape(
    columns=("a", "b", "c", "d"),
    sizes=(2, 6, 3, 1),
    groups=((), (0, 0, 1, 1, 1, 2), (), ()),
    width=5,
    embedding=3,
)


def weights(seed: int = 0, scale: float = 0.7) -> np.ndarray:
    flat = np.random.default_rng(seed).normal(0, scale, SHAPE.parameters).astype(np.float32)
    SHAPE.parts(flat)["groups"][0] = 0.0
    SHAPE.parts(flat)["out_groups"][0] = 0.0
    return flat


def rows(count: int = 9, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.stack([rng.integers(0, size, count) for size in SHAPE.sizes], axis=1)


def plain_loss(flat: Any, row: np.ndarray, known: np.ndarray) -> Any:
    """The loss of one row, written as the module's docstring has it, one column at a time."""
    part, groups = SHAPE.parts(flat), SHAPE.group_of()
    codes = row + np.array(SHAPE.starts)
    own = torch.tensor((groups[codes] > 0).astype(np.float64))[:, None]
    embedded = part["codes"][codes] + own * part["groups"][groups[codes]]
    total = 0.0
    for column in range(SHAPE.count):
        there = torch.tensor(known[column], dtype=flat.dtype)
        x = torch.cat([(embedded * there[:, None]).reshape(-1), there])
        h = torch.relu(x @ part["first"][column] + part["first_bias"][column, 0])
        g = h + torch.relu(h @ part["second"][column] + part["second_bias"][column, 0])
        span = slice(SHAPE.starts[column], SHAPE.starts[column] + SHAPE.sizes[column])
        shared = torch.tensor((groups[span] > 0).astype(np.float64))[:, None]
        out = part["out"][span] + shared * part["out_groups"][groups[span]]
        logits = out @ g + part["out_bias"][span]
        total = total - torch.log_softmax(logits, 0)[row[column]]
    return total


def brute_force(flat: np.ndarray, codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Every row's gradient by PyTorch's own means, `(rows, parameters)`."""
    found = []
    for row, there in zip(codes, known, strict=True):
        parameters = torch.tensor(flat, dtype=torch.float64, requires_grad=True)
        plain_loss(parameters, row, there).backward()
        found.append(parameters.grad.numpy())
    return np.array(found)


def by_hand(
    flat: np.ndarray, codes: np.ndarray, known: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    network = Network(SHAPE, torch.tensor(flat))
    loss = network.forward(torch.tensor(codes), torch.tensor(known, dtype=torch.float32))
    network.backward()
    norms = network.squared_norms().sqrt()
    total = network.weighted(
        torch.tensor(weight, dtype=torch.float32), torch.empty_like(network.flat)
    )
    return loss.numpy(), norms.numpy(), total.numpy()


def masks(codes: np.ndarray, step: int = 3) -> np.ndarray:
    order = row_orders(codes, step)
    return (order[:, None, :] < order[:, :, None]).astype(float)


def test_norms_and_sums_are_those_of_gradients_formed_one_by_one() -> None:
    flat, codes = weights(), rows()
    known = masks(codes)
    exact = brute_force(flat, codes, known)
    weight = np.linspace(0.1, 2.0, len(codes))
    loss, norms, total = by_hand(flat, codes, known, weight)
    assert np.allclose(norms, np.linalg.norm(exact, axis=1), rtol=2e-5)
    assert np.allclose(total, weight @ exact, rtol=1e-4, atol=1e-5)
    plain = [
        float(plain_loss(torch.tensor(flat, dtype=torch.float64), row, there))
        for row, there in zip(codes, known, strict=True)
    ]
    assert np.allclose(loss, plain, rtol=1e-5)


def test_a_norm_that_forgets_a_layer_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug put in: groups of codes left out of the norm, so rows are clipped too little."""
    flat, codes = weights(), rows()
    known = masks(codes)
    exact = np.linalg.norm(brute_force(flat, codes, known), axis=1)
    monkeypatch.setattr(Network, "_by_group", lambda self, column, residual: residual[:, :1] * 0.0)
    _, norms, _ = by_hand(flat, codes, known, np.ones(len(codes)))
    assert np.any(norms < exact * 0.999)


def test_a_row_has_the_same_gradient_in_any_company() -> None:
    """Trap 25: alone, among others, in another place, and beside a row that is not finite."""
    flat, codes = weights(), rows(12)
    gradients = RowGradients(Network(SHAPE, torch.tensor(flat)))
    together = gradients.norms(codes, 5)
    alone = np.array([gradients.norms(row[None, :], 5)[0] for row in codes])
    turned = gradients.norms(codes[::-1].copy(), 5)[::-1]
    assert np.allclose(together, alone, rtol=1e-5)
    assert np.allclose(together, turned, rtol=1e-5)
    for place in range(len(codes)):
        gradients.norms(codes, 5)
        only = np.zeros(len(codes))
        only[place] = 1.0
        among = gradients.weighted(only)
        gradients.norms(codes[place : place + 1], 5)
        assert np.allclose(among, gradients.weighted(np.ones(1)), rtol=1e-4, atol=1e-6)


def test_company_that_matters_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bug of trap 25 put in: hidden units are centred over the batch."""
    flat, codes = weights(), rows(12)
    gradients = RowGradients(Network(SHAPE, torch.tensor(flat)))
    alone = np.array([gradients.norms(row[None, :], 5)[0] for row in codes])
    real = torch.relu

    def centred(values: Any) -> Any:
        return real(values - values.mean(dim=1, keepdim=True))

    monkeypatch.setattr(gradients.network.torch, "relu", centred)
    together = gradients.norms(codes, 5)
    assert not np.allclose(together, alone, rtol=1e-2)


def test_an_order_is_a_function_of_the_row_and_the_step() -> None:
    codes = rows(300)
    first, later = row_orders(codes, 1), row_orders(codes, 2)
    assert np.array_equal(first[7:9], row_orders(codes[7:9], 1))
    assert not np.array_equal(first, later)
    assert np.all((first > 0) & (first < 1))
    many = np.concatenate([row_orders(codes, step) for step in range(40)])
    # n = 12,000 but rows repeat; about 1,400 distinct (row, step) draws: 0.04 is 3 standard errors.
    before = (many[:, None, :] < many[:, :, None]).mean(axis=0)
    assert np.all(np.abs(before[~np.eye(4, dtype=bool)] - 0.5) < 0.08)


def test_numpy_draws_what_pytorch_learned() -> None:
    flat, codes = weights(), rows(6)
    arrays = NetworkArrays(shape=SHAPE, flat=flat)
    network = Network(SHAPE, torch.tensor(flat))
    for column, known in ((0, []), (1, [0]), (2, [3, 1]), (3, [0, 1, 2])):
        mask = np.zeros((6, 4, 4))
        mask[:, column, known] = 1.0
        network.forward(torch.tensor(codes), torch.tensor(mask, dtype=torch.float32))
        theirs = network.residuals[column].numpy().copy()
        theirs[np.arange(6), codes[:, column]] += 1.0
        assert np.allclose(arrays.probabilities(column, known, codes, 1.0), theirs, atol=1e-5)


def test_drawing_follows_the_chain_rule() -> None:
    """The joint distribution of two columns, against products of the network's own shares."""
    arrays = NetworkArrays(shape=SHAPE, flat=weights(4))
    codes = AutoregressiveCodes(arrays=arrays, order=(2, 0, 1, 3))
    drawn = codes.draw(40_000, np.random.default_rng(0))
    found = np.zeros((3, 2))
    np.add.at(found, (drawn["c"], drawn["a"]), 1.0 / 40_000)
    blank = np.zeros((3, 4), dtype=np.int64)
    blank[:, 2] = np.arange(3)
    first = arrays.probabilities(2, [], blank[:1], 1.0)[0]
    then = arrays.probabilities(0, [2], blank, 1.0)
    assert np.abs(found - first[:, None] * then).max() < 0.01


def test_given_cells_stay_and_the_rest_follows_them() -> None:
    arrays = NetworkArrays(shape=SHAPE, flat=weights(4))
    codes = AutoregressiveCodes(arrays=arrays, order=(0, 1, 2, 3))
    given = {"c": np.where(np.arange(9_000) % 3 == 0, -1, 2), "a": np.full(9_000, -1)}
    made = codes.complete(given, 9_000, np.random.default_rng(0))
    assert np.all(made["c"][given["c"] >= 0] == 2)
    assert set(made["c"][given["c"] < 0].tolist()) == {0, 1, 2}
    blank = np.full((1, 4), 2, dtype=np.int64)
    share = arrays.probabilities(0, [2], blank, 1.0)[0, 1]
    assert abs(made["a"][given["c"] >= 0].mean() - share) < 0.03


def test_even_draws_are_fair_for_every_row() -> None:
    """n = 4,000 draws of three rows: each row's own frequencies; 0.06 is beyond 7 deviations."""
    shares = np.array([[0.2, 0.5, 0.3], [0.9, 0.1, 0.0], [0.0, 0.0, 1.0]])
    generator = np.random.default_rng(0)
    drawn = np.array([spread_draw(shares, generator) for _ in range(4_000)])
    for row in range(3):
        found = np.bincount(drawn[:, row], minlength=3) / 4_000
        assert np.abs(found - shares[row]).max() < 0.06


def test_calibrated_columns_come_out_as_counted() -> None:
    wanted = {
        name: np.random.default_rng(place).dirichlet(np.ones(size))
        for place, (name, size) in enumerate(zip(SHAPE.columns, SHAPE.sizes, strict=True))
    }
    order = (0, 1, 2, 3)
    made = calibrated(NetworkArrays(shape=SHAPE, flat=weights(2)), order, wanted)
    drawn = AutoregressiveCodes(arrays=made, order=order).draw(20_000, np.random.default_rng(1))
    for name, shares in wanted.items():
        found = np.bincount(drawn[name], minlength=len(shares)) / 20_000
        assert np.abs(found - shares).max() < 0.015
