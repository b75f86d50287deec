"""Network simplex for the cheapest flow on a sparse graph, which can be resumed with more arcs.

The problem is min sum c_a flow_a over flow >= 0 with (out - in) = supply at every node; arcs have
no upper limit. A basis is a spanning tree, held with parents, lists of children and sizes of
subtrees. A root outside the graph is joined to every node by an arc of its own at a price that
keeps every set of arcs feasible: so columns can be generated, the tree stays from call to call.
"""

import math

import numpy as np

from ratiogan._jit import kernel
from ratiogan.errors import InputError
from ratiogan.sums import ordered_sum

_UNITS = 2.0**51  # of mass: whole numbers up to 2^53 are exact as doubles, so flows are exact
_EPS = 1e-13  # reduced costs above -_EPS times the greatest price count as 0: round-off


class NetworkSimplex:
    """The cheapest flow through a graph whose arcs may still grow in number.

    Solves min sum cost flow over flow >= 0, where what leaves a node less what enters it is its
    supply. Its dual is the greatest sum of -supply potential over potentials with
    potential(head) - potential(tail) <= cost.

    Parameters
    ----------
    supply : array (n,)
        What each node gives (> 0) or takes (< 0); the sum is 0 to round-off. It is rounded to
        whole multiples of 2^-51 of its positive part, what is left of the sum goes to the
        greatest: so every flow is exact, and no sequence of trees can return to itself.
    price : float
        What a unit pays for each of the arcs to and from the root that stands in where arcs are
        missing. Above half the longest distance in a metric space no optimum on all pairs uses it.
    potential : array (n,), optional
        A guess. The arcs of the root are priced so that the first potentials are this one, less
        `price` at nodes that give and plus `price` at nodes that take: the nearer it is to an
        optimum, the fewer pivots. The price must then exceed half of |x - y| + guess(x) - guess(y)
        for every x that gives and y that takes.

    Attributes
    ----------
    potential : array (n,)
    units, unit : array (n,), float
        The supplies as whole numbers, and what a unit is.
    n_arcs, n_pivots : int
        Arcs added and pivots taken up to now.

    Raises
    ------
    InputError
        If the supplies are not finite or do not sum to 0, or the price is not positive.

    Notes
    -----
    The entering arc is the cheapest of a block of arcs, blocks taken in turn. Trees are strongly
    feasible: an arc without flow points to the root, which excludes cycling.

    References
    ----------
    Cunningham 1976, "A network simplex method", Mathematical Programming 11. Ahuja, Magnanti,
    Orlin 1993, "Network Flows", chapter 11. Kiraly, Kovacs 2012, "Efficient implementations of
    minimum-cost flow algorithms", Acta Universitatis Sapientiae Informatica 4.

    Examples
    --------
    >>> import numpy as np
    >>> simplex = NetworkSimplex(np.array([1.0, 2.0, -3.0]), price=10.0)
    >>> simplex.add(np.array([0, 1]), np.array([2, 2]), np.array([5.0, 1.0]))
    >>> simplex.solve().cost
    7.0
    >>> simplex.add(np.array([0]), np.array([1]), np.array([2.0]))
    >>> simplex.solve().cost
    5.0
    >>> simplex.potential[2] - simplex.potential[0]
    np.float64(3.0)
    """

    def __init__(self, supply, price, potential=None):
        supply = np.asarray(supply, dtype=float)
        total = supply[supply > 0].sum()
        if supply.ndim != 1 or not np.isfinite(supply).all():
            raise InputError("supply must be finite numbers, one per node.", argument="supply")
        if not abs(supply.sum()) <= 1e-9 * total:
            raise InputError(
                f"supply must sum to 0, got {supply.sum():g}.",
                argument="supply",
                fix="Scale what is taken to what is given.",
            )
        if not 0.0 < price < math.inf:
            raise InputError(f"price must be finite and above 0, got {price}.", argument="price")
        self.price = float(price)
        self.unit = 2.0 ** math.ceil(math.log2(total)) / _UNITS if total > 0.0 else 1.0
        units = np.rint(supply / self.unit)
        if units.size:
            units[np.abs(units).argmax()] -= units.sum()
        self.units = units
        n = units.size
        self.n_pivots = 0
        self._tail = np.empty(0, np.int32)
        self._head = np.empty(0, np.int32)
        self._cost = np.empty(0)
        self._at = 0  # where the next block begins
        # The root is node n. What the star of its arcs carries is the supply itself.
        self._up = np.append(units >= 0.0, True).astype(np.int8)
        self._flow = np.append(np.abs(units), 0.0)
        self._parent = np.append(np.full(n, n), -1).astype(np.int32)
        self._pred = np.full(n + 1, -1, np.int32)
        self._size = np.append(np.ones(n), n + 1).astype(np.int32)
        # Preorder of the tree as a ring, and the last node of every subtree in it.
        self._thread = np.append(np.arange(1, n + 1), 0).astype(np.int32)
        self._back = np.append(n, np.arange(n)).astype(np.int32)
        self._last = np.append(np.arange(n), max(n - 1, 0)).astype(np.int32)
        self._guess = np.zeros(n + 1)
        if potential is not None:
            self._guess[:n] = potential
        self._pi = np.zeros(n + 1)
        self._settle()

    @property
    def n_arcs(self):
        return self._tail.size

    @property
    def potential(self):
        return self._pi[:-1].copy()

    @property
    def _scale(self):
        return max(self.price, np.ptp(self._guess), self._cost.max(initial=0.0))

    def add(self, tail, head, cost):
        """Append arcs; those of the tree and the potentials stay as they are."""
        self._tail = np.append(self._tail, np.asarray(tail, np.int32))
        self._head = np.append(self._head, np.asarray(head, np.int32))
        self._cost = np.append(self._cost, np.asarray(cost, float))

    def solve(self, max_pivots=None):
        """Pivot until no arc is worth entering."""
        limit = np.iinfo(np.int64).max if max_pivots is None else max_pivots
        self._settle()
        if self.n_arcs:
            pivots, self._at = _pivot(
                self._tail,
                self._head,
                self._cost,
                self._parent,
                self._pred,
                self._up,
                self._flow,
                self._thread,
                self._back,
                self._last,
                self._size,
                self._pi,
                _EPS * self._scale,
                limit,
                self._at,
            )
            self.n_pivots += pivots
        self._settle()
        return self

    def _settle(self):
        """The potentials anew from the tree: shifts upon shifts leave round-off."""
        _settle(
            self._parent,
            self._pred,
            self._up,
            self._thread,
            self._cost,
            self._guess,
            self.price,
            self._pi,
        )

    def flow(self):
        """Arcs that carry something: their tails and heads, and how many units.

        A unit of mass is `unit`; the supplies in units are `units`.
        """
        at = np.flatnonzero((self._pred[:-1] >= 0) & (self._flow[:-1] > 0.0))
        arcs = self._pred[at]
        return self._tail[arcs], self._head[arcs], self._flow[at]

    @property
    def unserved(self):
        """What still takes the way over the root."""
        return self.unit * self._flow[:-1][self._pred[:-1] < 0].sum() / 2.0

    @property
    def cost(self):
        """The cost of the flow but for what goes over the root."""
        carried = self._flow[:-1] * (self._pred[:-1] >= 0)
        return ordered_sum(self._cost[self._pred[:-1]], carried) * self.unit if self.n_arcs else 0.0


# --- kernels -------------------------------------------------------------------------------------


@kernel
def _settle(parent, pred, up, thread, cost, guess, price, pi):
    root = parent.size - 1
    node = thread[root]
    while node != root:
        # potential(head) - potential(tail) = cost along the tree
        if pred[node] < 0:
            pi[node] = guess[node] - price if up[node] else guess[node] + price
        elif up[node]:
            pi[node] = pi[parent[node]] - cost[pred[node]]
        else:
            pi[node] = pi[parent[node]] + cost[pred[node]]
        node = thread[node]


@kernel
def _pivot(tail, head, cost, parent, pred, up, flow, thread, back, last, size, pi, eps, limit, at):
    """Pivot until the tree is optimal; all arrays of the tree change in place.

    Returns the number of pivots, and where the search for arcs stands.
    """
    m = tail.size
    block = max(int(np.sqrt(m)), 20)
    pivots = 0
    while pivots < limit:
        # the cheapest arc of the first block that has one below 0
        enter, least = -1, -eps
        seen = 0
        while seen < m and enter < 0:
            count = min(block, m - seen)
            seen += count
            while count > 0:
                stop = min(at + count, m)
                count -= stop - at
                for a in range(at, stop):
                    reduced = cost[a] + pi[tail[a]] - pi[head[a]]
                    if reduced < least:
                        least, enter = reduced, a
                at = stop if stop < m else 0
        if enter < 0:
            break
        pivots += 1
        first, second = tail[enter], head[enter]

        # The cycle runs over the arc, up from its head to the join, and down to its tail. The
        # last arc in it that is emptied leaves.
        u, v = first, second
        least_u, least_v = np.inf, np.inf
        leave_u, leave_v = -1, -1
        while u != v:
            if size[u] < size[v]:
                if up[u] and flow[u] < least_u:
                    least_u, leave_u = flow[u], u
                u = parent[u]
            else:
                if not up[v] and flow[v] <= least_v:
                    least_v, leave_v = flow[v], v
                v = parent[v]
        join = u
        if least_v <= least_u:
            delta, leave, inner, outer, inner_up = least_v, leave_v, second, first, 0
        else:
            delta, leave, inner, outer, inner_up = least_u, leave_u, first, second, 1
        if delta > 0.0:
            u = first
            while u != join:
                flow[u] += -delta if up[u] else delta
                u = parent[u]
            v = second
            while v != join:
                flow[v] += delta if up[v] else -delta
                v = parent[v]

        # Cut the subtree of `leave` off.
        moved = size[leave]
        u = parent[leave]
        while u != join:
            size[u] -= moved
            u = parent[u]
        u = outer
        while u != join:
            size[u] += moved
            u = parent[u]
        ahead, behind, end = back[leave], thread[last[leave]], last[leave]
        thread[ahead], back[behind] = behind, ahead
        u = parent[leave]
        while u >= 0 and last[u] == end:
            last[u] = ahead
            u = parent[u]

        # Turn it over, so that `inner` is its top: what a node of the path from there to `leave`
        # has below it, less the part done before, follows in the ring.
        node, to = inner, outer
        arc, way, amount, held = enter, inner_up, delta, 0
        part_first, part_last = -1, -1  # of the subtree done before
        tip = -1  # the end of the new ring
        follows = -1  # what came after part_last
        while True:
            old_parent, old_arc = parent[node], pred[node]
            old_way, old_amount, old_size = up[node], flow[node], size[node]
            old_back, old_last = back[node], last[node]
            if part_last != old_last:
                next_follows = thread[old_last]
            else:
                next_follows = follows
            if tip < 0:
                tip = old_last
            else:
                thread[tip], back[node] = node, tip
                tip = part_first  # the node before the part done, in the old ring
                if part_last != old_last:
                    thread[tip], back[follows] = follows, tip
                    tip = old_last
            part_first, part_last, follows = old_back, old_last, next_follows
            parent[node], pred[node], up[node], flow[node] = to, arc, way, amount
            size[node] = moved - held
            if node == leave:
                break
            arc, way, amount, held = old_arc, 1 - old_way, old_amount, old_size
            to, node = node, old_parent
        node = leave
        while node != outer:
            last[node] = tip
            node = parent[node]

        # Hang it up below `outer`.
        behind = thread[outer]
        thread[outer], back[inner] = inner, outer
        thread[tip], back[behind] = behind, tip
        u = outer
        while u >= 0 and last[u] == outer:
            last[u] = tip
            u = parent[u]

        shift = -least if inner_up else least
        node = inner
        while node != behind:
            pi[node] += shift
            node = thread[node]
    return pivots, at
