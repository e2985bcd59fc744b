// SPDX-License-Identifier: MIT
// Objects, maps, typed arrays, closures, strings. Usage: node work.js ROUNDS
'use strict';

function sieve(count) {
    const composite = new Uint8Array(count);
    let primes = 0;
    for (let i = 2; i < count; i++) {
        if (composite[i]) continue;
        primes++;
        for (let j = i * i; j < count; j += i) composite[j] = 1;
    }
    return primes;
}

function work() {
    let seed = 1;
    const random = () => (seed = (seed * 16807) % 2147483647);
    const items = Array.from({ length: 5000 }, () => ({ key: random() % 1000, weight: (random() % 100) / 4 }));
    const sums = new Map();
    for (const { key, weight } of items) sums.set(key, (sums.get(key) ?? 0) + weight);
    const order = [...sums].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
    const text = order.map(([key, weight]) => `${key}=${weight.toFixed(2)}`).join('&');
    const digits = text.replace(/[^0-9]+/g, '').length;
    const total = items.filter((item) => item.key % 3 === 0).reduce((sum, item) => sum + item.weight, 0);
    const parsed = JSON.parse(JSON.stringify(items.slice(0, 500))).length;
    return `${sieve(50000)} ${digits} ${total} ${parsed} ${order[0][0]}`;
}

const first = work();
for (let round = 1; round < Number(process.argv[2]); round++) {
    if (work() !== first) throw new Error('a round differs');
}
console.log(first);
