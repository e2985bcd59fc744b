# SPDX-License-Identifier: MIT
# Objects, dictionaries, lists, big numbers and strings. Usage: python3 work.py ROUNDS
import sys


class Node:
    def __init__(self, key):
        self.key, self.left, self.right = key, None, None

    def insert(self, key):
        node = self
        while key != node.key:
            side = "left" if key < node.key else "right"
            below = getattr(node, side)
            if below is None:
                setattr(node, side, Node(key))
                return
            node = below

    def depth(self):
        return 1 + max(self.left.depth() if self.left else 0, self.right.depth() if self.right else 0)


def work():
    seed, counts, tree = 1, {}, Node(1 << 30)
    for _ in range(1500):
        seed = seed * 16807 % 2147483647
        tree.insert(seed)
        counts[seed % 97] = counts.get(seed % 97, 0) + 1
    sieve = [True] * 5000
    for i in range(2, 71):
        if sieve[i]:
            sieve[i * i :: i] = [False] * len(sieve[i * i :: i])
    primes = [i for i in range(2, 5000) if sieve[i]]
    big = 1
    for prime in primes[:200]:
        big *= prime
    words = " ".join(f"{key:02d}:{value}" for key, value in sorted(counts.items()))
    return f"{tree.depth()} {len(primes)} {sum(map(int, str(big)))} {sum(words.encode())}"


first = work()
for _ in range(1, int(sys.argv[1])):
    assert work() == first
print(first)
