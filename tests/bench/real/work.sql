-- SPDX-License-Identifier: MIT
-- A table is filled, indexed, joined with itself and changed, all in memory; prints one line.
CREATE TABLE item (id INTEGER PRIMARY KEY, kind INTEGER, name TEXT, value INTEGER);
WITH RECURSIVE number(n, seed) AS (
    SELECT 1, 1 UNION ALL SELECT n + 1, seed * 16807 % 2147483647 FROM number WHERE n < 10000)
INSERT INTO item SELECT n, seed % 100, printf('%08x', seed), seed % 10007 FROM number;
CREATE INDEX item_kind ON item (kind, value);
CREATE INDEX item_name ON item (name);
UPDATE item SET value = value + 1 WHERE name LIKE '%a%';
DELETE FROM item WHERE id % 17 = 0;
SELECT (SELECT count(*) FROM item), (SELECT sum(value) FROM item),
    (SELECT count(*) FROM item AS a JOIN item AS b ON a.kind = b.kind AND a.value < b.value WHERE a.id < 2000),
    (SELECT group_concat(total) FROM (SELECT sum(value) AS total FROM item GROUP BY kind % 5 ORDER BY 1));
