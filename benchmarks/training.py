"""A training turn beside NumPy: as one writes it (A), and in place, subexpressions shared (B)."""

import numpy as np

from benchmarks.timing import alternate, pin_to_one_core

_CELLS = 1024
_BATCH = 64
_RATES = (0.01, 2e-4)
_BETA1, _BETA2, _EPS = 0.9, 0.999, 1e-8


class NumPyTrainer:
    """N_d = 1, adam, non-saturating, gradients divided by the cell's share of p_r."""

    def __init__(self, real, gen, batch, rng):
        self.w, self.base, self.batch, self.rng = real, gen, batch, rng
        n = real.size
        self.phi, self.theta, self.q = np.zeros(n), np.zeros(n), gen.copy()
        self.per_mass, self.sums = 1.0 / real, np.cumsum(real)
        self.moments = [[np.zeros(n), np.zeros(n)] for _ in range(2)]
        self.a, self.b, self.c, self.g = (np.empty(n) for _ in range(4))
        self.gen_sums = np.empty(n)
        self.up = np.empty(n, dtype=bool)
        self.count = 0

    def turns(self, count):
        """Take `count` turns."""
        for _ in range(count):
            self.count += 1
            self._discriminator()
            self._generator()

    def _discriminator(self):
        phi, g = self.phi, self.g
        if self.batch is None:
            low, high = self._sigmoids(phi, self.a, self.b, self.c, self.up)
            np.multiply(self.q, high, out=g)
            g *= self.per_mass
            g -= low
        else:
            real = np.searchsorted(self.sums, self.rng.random(self.batch), side="right")
            np.cumsum(self.q, out=self.gen_sums)
            uniforms = self.rng.random(self.batch) * self.gen_sums[-1]
            gen = np.searchsorted(self.gen_sums, uniforms, side="right")
            cells = np.concatenate((real, gen))
            seen = phi[cells]
            small = np.exp(-np.abs(seen))
            share = 1.0 / (1.0 + small)
            high = np.where(seen >= 0, share, small * share)
            high[: self.batch] -= 1.0
            g[:] = np.bincount(cells, high, phi.size)
            g *= self.per_mass
            g /= self.batch
        self._adam(0, phi, _RATES[0])

    def _generator(self):
        phi, u, g, q = self.phi, self.a, self.g, self.q
        np.abs(phi, out=u)
        np.negative(u, out=u)
        np.exp(u, out=u)
        np.log1p(u, out=u)
        np.negative(phi, out=self.b)
        np.maximum(self.b, 0.0, out=self.b)
        u += self.b
        u -= q @ u
        np.multiply(q, u, out=g)
        g *= self.per_mass
        self._adam(1, self.theta, _RATES[1])
        np.subtract(self.theta, self.theta.max(), out=q)
        np.exp(q, out=q)
        q *= self.base
        q /= q.sum()

    @staticmethod
    def _sigmoids(x, small, share, rest, up):
        """sigmoid(-x) and sigmoid(x)."""
        np.abs(x, out=small)
        np.negative(small, out=small)
        np.exp(small, out=small)
        np.add(small, 1.0, out=share)
        np.reciprocal(share, out=share)
        np.multiply(small, share, out=rest)
        np.greater_equal(x, 0.0, out=up)
        low = np.where(up, rest, share)
        return low, np.subtract(1.0, low, out=share)

    def _adam(self, player, weights, rate):
        g, work, (m, v) = self.g, self.b, self.moments[player]
        m *= _BETA1
        np.multiply(g, 1.0 - _BETA1, out=work)
        m += work
        v *= _BETA2
        np.multiply(g, g, out=work)
        work *= 1.0 - _BETA2
        v += work
        np.sqrt(v, out=work)
        work *= 1.0 / np.sqrt(1.0 - _BETA2**self.count)
        work += _EPS
        np.divide(m, work, out=work)
        work *= rate / (1.0 - _BETA1**self.count)
        weights -= work


class PlainTrainer:
    """The same as one writes it, with exact expectations."""

    def __init__(self, real, gen):
        self.w, self.base, self.q = real, gen, gen
        self.phi, self.theta = np.zeros(real.size), np.zeros(real.size)
        self.moments = [(0.0, 0.0), (0.0, 0.0)]
        self.count = 0

    def turns(self, count):
        """Take `count` turns."""
        for _ in range(count):
            self.count += 1
            f = 1 / (1 + np.exp(-self.phi))
            self.phi = self._adam(0, self.phi, (self.q * f - self.w * (1 - f)) / self.w)
            u = -np.log(1 / (1 + np.exp(-self.phi)))
            self.theta = self._adam(1, self.theta, self.q * (u - self.q @ u) / self.w)
            q = self.base * np.exp(self.theta - self.theta.max())
            self.q = q / q.sum()

    def _adam(self, player, weights, g):
        m, v = self.moments[player]
        m = _BETA1 * m + (1 - _BETA1) * g
        v = _BETA2 * v + (1 - _BETA2) * g**2
        self.moments[player] = m, v
        m, v = m / (1 - _BETA1**self.count), v / (1 - _BETA2**self.count)
        return weights - _RATES[player] * m / (np.sqrt(v) + _EPS)


def training(quick):
    """Rows for exact expectations and for minibatches of 64."""
    pin_to_one_core()
    from ratiogan import presets
    from ratiogan.solvers.trainer import Trainer

    real, gen = presets.problem(grid=_CELLS)
    count = 1000
    contenders, rows = {}, []
    for name, batch in (("exact", None), ("m = 64", _BATCH)):
        ours = Trainer(real, gen, batch=batch)
        theirs = NumPyTrainer(real.mass, gen.mass, batch, np.random.default_rng(0))

        def turn(solver=ours):
            left = count
            while left:
                left -= solver.advance(left)

        turn()
        theirs.turns(10)
        contenders[name, "ours"] = turn
        contenders[name, "numpy"] = lambda solver=theirs: solver.turns(count)
    plain = PlainTrainer(real.mass, gen.mass)
    plain.turns(10)
    contenders["exact", "plain"] = lambda: plain.turns(count)
    found = alternate(contenders, 3 if quick else 9)
    per, ours = count / 1e6, ("exact", "ours")
    rows.append(found.row("NumPy as one writes it (A), exact", ("exact", "plain"), per, "us"))
    rows.append(found.ratio("A / ours, exact", ("exact", "plain"), ours, target=">= 8"))
    for name, target in (("exact", ">= 8"), ("m = 64", ">= 3.5")):
        ours, theirs = (name, "ours"), (name, "numpy")
        rows.append(found.row(f"a turn, N_d = 1, adam, {name}", ours, count / 1e6, "us"))
        rows.append(found.row(f"NumPy in place (B), {name}", theirs, count / 1e6, "us"))
        rows.append(found.ratio(f"B / ours, {name}", theirs, ours, target=target))
    return rows
