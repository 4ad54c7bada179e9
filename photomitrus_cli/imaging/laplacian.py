"""Solving for levels that are tied to each other in pairs: a graph Laplacian, by blocks.

Nodes in the order of a breadth-first search fall into layers, and a layer is tied only to itself and to its
two neighbours. So the matrix is block tridiagonal, and its factors and the diagonal of its inverse are exact
at the cost of the blocks: for frames that cover a field, layers are one frame wide.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from photomitrus_cli.imaging.jit import kernel

Float = NDArray[np.float64]
Int = NDArray[np.int64]
Int32 = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class Layers:
    """Nodes in the order of their layers.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Node of every place in the order.
    rank : ndarray of int64, shape (n,)
        Place of every node.
    starts : ndarray of int64, shape (n_layers + 1,)
        First place of every layer, and n.
    component : ndarray of int64, shape (n,)
        Connected component of every node, numbered by their first nodes.
    """

    order: Int
    rank: Int
    starts: Int
    component: Int

    def widths(self) -> Int:
        """Columns that the rows of each layer's block have: its own and those of the next layer."""
        sizes = np.diff(self.starts)
        group = self.component[self.order[self.starts[:-1]]]
        tied = np.append(group[1:] == group[:-1], np.zeros(min(group.size, 1), dtype=bool))
        return np.asarray(sizes + np.where(tied, np.append(sizes[1:], 0), 0), dtype=np.int64)

    def row_starts(self) -> tuple[Int, int]:
        """Where each row begins in flat storage, less its first column; and the size of the storage."""
        sizes, widths = np.diff(self.starts), self.widths()
        base = np.concatenate([[0], np.cumsum(sizes * widths)])
        layer = np.repeat(np.arange(sizes.size), sizes)
        first = self.starts[:-1][layer]
        place = np.arange(self.order.size)
        return np.asarray(base[layer] + (place - first) * widths[layer] - first, dtype=np.int64), int(
            base[-1]
        )

    def blocks(self, flat: Float) -> list[Float]:
        """View the storage as the block of each layer, its own columns and those of the next."""
        sizes, widths = np.diff(self.starts), self.widths()
        base = np.concatenate([[0], np.cumsum(sizes * widths)])
        return [flat[base[k] : base[k + 1]].reshape(sizes[k], widths[k]) for k in range(sizes.size)]


def find_layers(node_start: Int, link: Int32, link_start: Int, member: Int32) -> Layers:
    """Order nodes that are tied by shared links (frames tied by the cells that they share).

    Parameters
    ----------
    node_start : ndarray of int64, shape (n + 1,)
        Where the links of each node begin in ``link``.
    link : ndarray of int32
        Links of all nodes.
    link_start : ndarray of int64, shape (n_links + 1,)
        Where the nodes of each link begin in ``member``.
    member : ndarray of int32
        Nodes of all links.

    Returns
    -------
    Layers
        Every component begins at an end of it, which makes many narrow layers.
    """
    n = node_start.size - 1
    order, depth, component = (np.zeros(n, dtype=np.int64) for _ in range(3))
    _search(node_start, link, link_start, member, order, depth, component)
    rank = np.empty(n, dtype=np.int64)
    rank[order] = np.arange(n)
    step, group = depth[order], component[order]
    new = np.flatnonzero((np.diff(step) != 0) | (np.diff(group) != 0)) + 1
    starts = np.concatenate([[0], new, [n]]) if n else np.zeros(1)
    return Layers(order, rank, starts.astype(np.int64), component)


@kernel
def _search(
    node_start: Int, link: Int32, link_start: Int, member: Int32, order: Int, depth: Int, component: Int
) -> None:
    """Fill order, depth and component by two searches of every component, the second from the last node."""
    n = depth.size
    seen_node = np.zeros(n, np.int8)
    seen_link = np.zeros(link_start.size - 1, np.int8)
    begin = 0
    groups = 0
    for first in range(n):
        if seen_node[first]:
            continue
        start = first
        end = begin
        for turn in range(1, 3):
            order[begin] = start
            seen_node[start] = turn
            depth[start] = 0
            component[start] = groups
            head, end = begin, begin + 1
            while head < end:
                node = order[head]
                head += 1
                for k in range(node_start[node], node_start[node + 1]):
                    c = link[k]
                    if seen_link[c] == turn:
                        continue
                    seen_link[c] = turn
                    for m in range(link_start[c], link_start[c + 1]):
                        other = member[m]
                        if seen_node[other] != turn:
                            seen_node[other] = turn
                            depth[other] = depth[node] + 1
                            component[other] = groups
                            order[end] = other
                            end += 1
            start = order[end - 1]
        begin = end
        groups += 1


class Factors:
    """Factors of a Laplacian made regular by a tie of one node of every component.

    Parameters
    ----------
    layers : Layers
    flat : ndarray of float64
        Upper triangles of the diagonal blocks and the blocks to their right, as `Layers.blocks` views them.
    """

    def __init__(self, layers: Layers, flat: Float) -> None:
        self._layers = layers
        self._inverse: list[Float] = []
        self._carry: list[Float] = []
        group = layers.component[layers.order[layers.starts[:-1]]]
        rest: Float | None = None
        for k, block in enumerate(layers.blocks(flat)):
            size = block.shape[0]
            own = np.triu(block[:, :size])
            own = own + np.triu(own, 1).T
            if rest is not None:
                own -= rest
            if k == 0 or group[k] != group[k - 1]:
                # The tie: it moves the level of the component and nothing else, which the gauge takes off.
                own[0, 0] += block[0, 0] or 1.0
            inverse = np.linalg.inv(own)
            beside = block[:, size:]
            carry = inverse @ beside
            rest = beside.T @ carry if beside.shape[1] else None
            self._inverse.append(0.5 * (inverse + inverse.T))
            self._carry.append(carry)

    def solve(self, right: Float) -> Float:
        """Solve for a right-hand side.

        Parameters
        ----------
        right : ndarray of float64, shape (n,)
            In the order of the nodes.

        Returns
        -------
        ndarray of float64, shape (n,)
            In the order of the nodes, mean 0 in every component.
        """
        return self.centre(self._substitute(right))

    def _substitute(self, right: Float) -> Float:
        """Solve the tied system."""
        layers = self._layers
        part = np.split(right[layers.order], layers.starts[1:-1])
        for k, carry in enumerate(self._carry):
            if carry.shape[1]:
                part[k + 1] = part[k + 1] - carry.T @ part[k]
        for k in range(len(self._carry) - 1, -1, -1):
            part[k] = self._inverse[k] @ part[k]
            if self._carry[k].shape[1]:
                part[k] -= self._carry[k] @ part[k + 1]
        return np.concatenate(part)[layers.rank]

    def centre(self, values: Float) -> Float:
        """Take the mean of every component off.

        Parameters
        ----------
        values : ndarray of float64, shape (n,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        group = self._layers.component
        count = np.bincount(group)
        return np.asarray(values - (np.bincount(group, values) / np.maximum(count, 1))[group])

    def variances(self) -> Float:
        """Diagonal of the pseudo-inverse: variances of the nodes with the mean of every component fixed at 0.

        With G the inverse of the tied matrix and P the projection that takes the mean off, it is that of
        P G P: G_ii - 2 (G 1)_i / n + 1'G1 / n^2. The diagonal of G comes from the last layer backwards,
        G_kk = S_k^-1 + Y_k G_k+1,k+1 Y_k' (Takahashi's equations by blocks; Erisman & Tinney 1975, CACM 18,
        177).

        Returns
        -------
        ndarray of float64, shape (n,)
            0 for a component of one node.
        """
        layers = self._layers
        diagonal: list[Float] = []
        later: Float | None = None
        for inverse, carry in zip(self._inverse[::-1], self._carry[::-1], strict=True):
            whole = inverse
            if carry.shape[1] and later is not None:
                whole = inverse + carry @ later @ carry.T
            diagonal.append(np.diagonal(whole))
            later = whole
        variance = np.concatenate(diagonal[::-1])[layers.rank] if diagonal else np.zeros(0)
        return np.maximum(variance + self._gauge_terms(), 0.0)

    def _gauge_terms(self) -> Float:
        group = self._layers.component
        count = np.bincount(group)
        sums = self._substitute(np.ones(group.size))
        return -2.0 * sums / count[group] + (np.bincount(group, sums) / count**2)[group]
