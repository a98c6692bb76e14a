-- Queries, each followed by the rows expected of Databricks, in the format JSON_ARRAY of the
-- Statement Execution API. No workspace was asked for them.

SELECT a, a + 1 AS b, b * 2 AS c FROM (SELECT 1 AS a);
-- [["1", "2", "4"]]

SELECT 1 AS x, x + 1 AS y WHERE 1 = 1;
-- [["1", "2"]]

SELECT id, row_number() OVER (ORDER BY id) AS rn FROM (VALUES (3),(1)) AS v(id) QUALIFY rn = 1;
-- [["1", "1"]]

SELECT * FROM (SELECT 2018 AS year, 1 AS quarter, 5 AS sales UNION ALL SELECT 2018, 2, 6) PIVOT (sum(sales) AS sales FOR quarter IN (1 AS q1, 2 AS q2));
-- [["2018", "5", "6"]]

SELECT * FROM (SELECT 2018 AS year, 'a' AS region, 1 AS quarter, 5 AS sales) PIVOT (sum(sales) FOR quarter IN (1, 2));
-- [["2018", "a", "5", null]]

SELECT * FROM (SELECT 'x' AS name, 1 AS q1, 2 AS q2) UNPIVOT (sales FOR quarter IN (q1, q2)) ORDER BY quarter;
-- [["x", "q1", "1"], ["x", "q2", "2"]]

SELECT * FROM (SELECT 'x' AS name, 1 AS q1, 2 AS q2) UNPIVOT (sales FOR quarter IN (q1 AS `one`, q2 AS `two`)) ORDER BY quarter;
-- [["x", "one", "1"], ["x", "two", "2"]]

SELECT * EXCEPT (a) FROM (SELECT 1 AS a, 2 AS b);
-- [["2"]]

SELECT explode(array(10, 20));
-- [["10"], ["20"]]

SELECT explode(array(10, 20)) AS x, 'a';
-- [["10", "a"], ["20", "a"]]

SELECT explode(map('a', 1)) AS (k, v);
-- [["a", "1"]]

SELECT explode(map('a', 1));
-- [["a", "1"]]

SELECT posexplode(array('a','b'));
-- [["0", "a"], ["1", "b"]]

SELECT posexplode(array('a','b')) AS (i, x);
-- [["0", "a"], ["1", "b"]]

SELECT * FROM explode(array(10, 20));
-- [["10"], ["20"]]

SELECT col FROM explode(array(10, 20));
-- [["10"], ["20"]]

SELECT * FROM posexplode(array('a'));
-- [["0", "a"]]

SELECT id, x FROM (SELECT 1 AS id, array(5,6) AS xs) LATERAL VIEW explode(xs) e AS x ORDER BY x;
-- [["1", "5"], ["1", "6"]]

SELECT id, x FROM (SELECT 1 AS id, array(5,6) AS xs) LATERAL VIEW explode(xs) AS x ORDER BY x;
-- [["1", "5"], ["1", "6"]]

SELECT id, x FROM (SELECT 1 AS id, CAST(NULL AS ARRAY<INT>) AS xs) LATERAL VIEW OUTER explode(xs) e AS x;
-- [["1", null]]

SELECT id, i, x FROM (SELECT 1 AS id, array(5,6) AS xs) LATERAL VIEW posexplode(xs) e AS i, x ORDER BY i;
-- [["1", "0", "5"], ["1", "1", "6"]]

SELECT id, k, v FROM (SELECT 1 AS id, map('a', 1) AS m) LATERAL VIEW explode(m) e AS k, v;
-- [["1", "a", "1"]]

SELECT id, explode(xs) AS x FROM (SELECT 1 AS id, array(5,6) AS xs) ORDER BY x;
-- [["1", "5"], ["1", "6"]]

SELECT id, explode_outer(xs) AS x FROM (SELECT 1 AS id, CAST(NULL AS ARRAY<INT>) AS xs);
-- [["1", null]]

SELECT t.id, e.col FROM (SELECT 1 AS id, array(5,6) AS xs) t, LATERAL explode(t.xs) e ORDER BY 2;
-- [["1", "5"], ["1", "6"]]

SELECT t.id, e.x FROM (SELECT 1 AS id, array(5,6) AS xs) t, LATERAL explode(t.xs) AS e(x) ORDER BY 2;
-- [["1", "5"], ["1", "6"]]

SELECT inline(array(struct(1, 'a'), struct(2, 'b')));
-- [["1", "a"], ["2", "b"]]

SELECT stack(2, 1, 'a', 2, 'b') AS (n, s);
-- [["1", "a"], ["2", "b"]]

SELECT * FROM VALUES (1, 'a'), (2, 'b') AS v(n, s);
-- [["1", "a"], ["2", "b"]]

SELECT * FROM VALUES (1, 'a') AS (n, s);
-- [["1", "a"]]

SELECT col1 FROM VALUES (1), (2);
-- [["1"], ["2"]]

SELECT a.x FROM (SELECT 1 AS x) a LEFT SEMI JOIN (SELECT 1 AS x) b ON a.x = b.x;
-- [["1"]]

SELECT a.x FROM (SELECT 1 AS x) a LEFT ANTI JOIN (SELECT 2 AS x) b ON a.x = b.x;
-- [["1"]]

SELECT a.x FROM (SELECT 1 AS x) a ANTI JOIN (SELECT 2 AS x) b ON a.x = b.x;
-- [["1"]]

SELECT x, count(*) FROM (SELECT 1 AS x UNION ALL SELECT 1) GROUP BY ALL ORDER BY ALL;
-- [["1", "2"]]

SELECT x FROM (SELECT 1 AS x) MINUS SELECT 2;
-- [["1"]]

SELECT * FROM range(1, 4) ORDER BY id DESC LIMIT 1;
-- [["3"]]

SELECT x FROM (SELECT 2 AS x UNION ALL SELECT NULL UNION ALL SELECT 1) ORDER BY x;
-- [[null], ["1"], ["2"]]

SELECT x FROM (SELECT 2 AS x UNION ALL SELECT NULL UNION ALL SELECT 1) ORDER BY x DESC;
-- [["2"], ["1"], [null]]

FROM (SELECT 1 AS a) |> SELECT a + 1 AS b;
-- [["2"]]

WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT * FROM r;
-- [["1"], ["2"], ["3"]]

SELECT CASE WHEN 1 = 1 THEN 'a' ELSE 'b' END, if(1 > 0, 'x', 'y'), iff(1 > 0, 'x', 'y');
-- [["a", "x", "x"]]

VALUES (1, 'a'), (2, 'b');
-- [["1", "a"], ["2", "b"]]

SELECT transform(array(1,2), x -> x + 1), filter(array(1,2), x -> x > 1), exists(array(1,2), x -> x > 1), aggregate(array(1,2), 0, (acc, x) -> acc + x), reduce(array(1,2), 0, (acc, x) -> acc + x);
-- [["[2,3]", "[2]", "true", "3", "3"]]

SELECT from_json('{"a": 1, "b": "x"}', 'a INT, b STRING');
-- [["{\"a\":1,\"b\":\"x\"}"]]

SELECT from_json('{"a": 1, "b": "x"}', 'a INT, b STRING').b;
-- [["x"]]

SELECT from_json('{"a": [1, 2]}', 'STRUCT<a: ARRAY<INT>>').a;
-- [["[1,2]"]]

SELECT from_json('[1, 2]', 'ARRAY<INT>');
-- [["[1,2]"]]

SELECT from_json('{"a": 1}', 'MAP<STRING, INT>');
-- [["{\"a\":1}"]]

SELECT to_json(named_struct('a', 1, 'b', 'x'));
-- [["{\"a\":1,\"b\":\"x\"}"]]

SELECT get_json_object('{"a": {"b": "x"}}', '$.a.b');
-- [["x"]]

SELECT '{"a": {"b": "x"}}':a.b;
-- [["x"]]

SELECT j:a.b, j:c[1], j:['a'].b FROM (SELECT '{"a": {"b": "x"}, "c": [1, 2]}' AS j);
-- [["x", "2", "x"]]

SELECT j:a::int + 1 FROM (SELECT '{"a": 4}' AS j);
-- [["5"]]

SELECT j:items[0].price::double FROM (SELECT '{"items": [{"price": 4.5}]}' AS j);
-- [["4.5"]]

SELECT j:a FROM (SELECT '{"a": {"b": 1}}' AS j);
-- [["{\"b\":1}"]]

SELECT parse_json('{"a": 4}'):a::int;
-- [["4"]]

SELECT json_array_length('[1,2,3]');
-- [["3"]]

SELECT json_object_keys('{"a": 1, "b": 2}');
-- [["[\"a\",\"b\"]"]]

SELECT variant_get(parse_json('{"a": 4}'), '$.a', 'int');
-- [["4"]]

SELECT date_format(DATE '2025-03-01', 'yyyy-MM-dd');
-- [["2025-03-01"]]

SELECT date_format(TIMESTAMP '2025-03-01 14:05:06', 'yyyyMMdd HH:mm:ss');
-- [["20250301 14:05:06"]]

SELECT date_format(TIMESTAMP '2025-03-01 14:05:06', 'MMM d, yyyy h:mm a');
-- [["Mar 1, 2025 2:05 PM"]]

SELECT date_format(DATE '2025-03-01', 'E'), date_format(DATE '2025-03-01', 'EEEE'), date_format(DATE '2025-03-01', 'MMMM');
-- [["Sat", "Saturday", "March"]]

SELECT date_format(TIMESTAMP '2025-03-01 14:05:06.789', 'HH:mm:ss.SSS');
-- [["14:05:06.789"]]

SELECT date_format(DATE '2025-03-01', 'D');
-- [["60"]]

SELECT date_format(TIMESTAMP '2025-03-01 14:05:06', "yyyy-MM-dd'T'HH:mm:ss");
-- [["2025-03-01T14:05:06"]]

SELECT to_date('2025-03-01'), to_date('01/03/2025', 'dd/MM/yyyy');
-- [["2025-03-01", "2025-03-01"]]

SELECT to_timestamp('2025-03-01 10:00:00'), to_timestamp('2025/03/01 10', 'yyyy/MM/dd HH');
-- [["2025-03-01T10:00:00.000Z", "2025-03-01T10:00:00.000Z"]]

SELECT try_to_timestamp('x'), try_to_date('x');
-- [[null, null]]

SELECT try_to_timestamp('x', 'yyyy');
-- [[null]]

SELECT date_add(DATE '2025-03-01', 1), date_sub(DATE '2025-03-01', 1), add_months(DATE '2025-01-31', 1);
-- [["2025-03-02", "2025-02-28", "2025-02-28"]]

SELECT date_add('2025-03-01', 1);
-- [["2025-03-02"]]

SELECT dateadd(HOUR, 2, TIMESTAMP '2025-03-01 00:00:00');
-- [["2025-03-01T02:00:00.000Z"]]

SELECT timestampadd(HOUR, 2, TIMESTAMP '2025-03-01 00:00:00');
-- [["2025-03-01T02:00:00.000Z"]]

SELECT datediff(DATE '2025-03-03', DATE '2025-03-01'), datediff('2025-03-03', '2025-03-01');
-- [["2", "2"]]

SELECT datediff(MONTH, DATE '2025-01-31', DATE '2025-03-01');
-- [["1"]]

SELECT datediff(HOUR, TIMESTAMP '2025-01-01 00:30:00', TIMESTAMP '2025-01-01 02:00:00');
-- [["1"]]

SELECT timestampdiff(MINUTE, TIMESTAMP '2025-01-01 00:00:00', TIMESTAMP '2025-01-01 02:00:00');
-- [["120"]]

SELECT months_between('1997-02-28 10:30:00', '1996-10-30');
-- [["3.94959677"]]

SELECT trunc(DATE '2019-10-27', 'MONTH'), trunc('2019-10-27', 'year'), trunc('2019-10-27', 'week');
-- [["2019-10-01", "2019-01-01", "2019-10-21"]]

SELECT date_trunc('MONTH', TIMESTAMP '2015-03-05 09:32:05'), date_trunc('HOUR', TIMESTAMP '2015-03-05 09:32:05.359');
-- [["2015-03-01T00:00:00.000Z", "2015-03-05T09:00:00.000Z"]]

SELECT date_trunc('MONTH', DATE '2015-03-05');
-- [["2015-03-01T00:00:00.000Z"]]

SELECT last_day('2009-01-12'), next_day('2015-01-14', 'TU');
-- [["2009-01-31", "2015-01-20"]]

SELECT year(DATE '2025-03-01'), month('2025-03-01'), day('2025-03-01'), quarter('2025-03-01'), dayofweek('2009-07-30'), weekday('2009-07-30'), weekofyear('2008-02-20'), dayofyear('2016-04-09');
-- [["2025", "3", "1", "1", "5", "3", "8", "100"]]

SELECT hour('2009-07-30 12:58:59'), minute('2009-07-30 12:58:59'), second('2009-07-30 12:58:59');
-- [["12", "58", "59"]]

SELECT extract(YEAR FROM TIMESTAMP '2019-08-12 01:00:00.123456'), extract(week FROM TIMESTAMP '2019-08-12 01:00:00');
-- [["2019", "33"]]

SELECT date_part('doy', DATE '2019-08-12');
-- [["224"]]

SELECT unix_timestamp('2016-04-08', 'yyyy-MM-dd'), unix_timestamp(TIMESTAMP '1970-01-01 00:01:00');
-- [["1460073600", "60"]]

SELECT from_unixtime(0, 'yyyy-MM-dd HH:mm:ss'), from_unixtime(0);
-- [["1970-01-01 00:00:00", "1970-01-01 00:00:00"]]

SELECT timestamp_seconds(60), timestamp_millis(1000);
-- [["1970-01-01T00:01:00.000Z", "1970-01-01T00:00:01.000Z"]]

SELECT unix_millis(TIMESTAMP '1970-01-01 00:00:01'), unix_seconds(TIMESTAMP '1970-01-01 00:00:01'), unix_date(DATE '1970-01-02');
-- [["1000", "1", "1"]]

SELECT make_date(2013, 7, 15), make_timestamp(2014, 12, 28, 6, 30, 45);
-- [["2013-07-15", "2014-12-28T06:30:45.000Z"]]

SELECT from_utc_timestamp('2016-08-31', 'Asia/Seoul'), to_utc_timestamp('2016-08-31', 'Asia/Seoul');
-- [["2016-08-31T09:00:00.000Z", "2016-08-30T15:00:00.000Z"]]

SELECT sequence(1, 5), sequence(5, 1), sequence(1, 5, 2);
-- [["[1,2,3,4,5]", "[5,4,3,2,1]", "[1,3,5]"]]

SELECT sequence(to_date('2018-01-01'), to_date('2018-03-01'), interval 1 month);
-- [["[\"2018-01-01\",\"2018-02-01\",\"2018-03-01\"]"]]

SELECT explode(sequence(DATE '2025-01-01', DATE '2025-01-02', INTERVAL 1 DAY)) AS d;
-- [["2025-01-01"], ["2025-01-02"]]

SELECT DATE '2025-01-01' + INTERVAL 1 DAY;
-- [["2025-01-02"]]

SELECT DATE '2025-01-01' + INTERVAL '1' MONTH, TIMESTAMP '2025-01-01 00:00:00' - INTERVAL 2 HOURS;
-- [["2025-02-01", "2024-12-31T22:00:00.000Z"]]

SELECT current_date() = current_date, now() IS NOT NULL, typeof(current_date());
-- [["true", "true", "date"]]

SELECT date('2025-01-01'), timestamp('2025-01-01 00:00:00');
-- [["2025-01-01", "2025-01-01T00:00:00.000Z"]]

SELECT monthname(DATE '2025-01-01'), dayname(DATE '2025-01-01');
-- [["Jan", "Wed"]]

SELECT try_cast('x' AS INT), try_cast('5' AS INT);
-- [[null, "5"]]

SELECT 7 / 2, 7 div 2, 7 % 2, mod(-7, 2), pmod(-7, 3);
-- [["3.5", "3", "1", "-1", "2"]]

SELECT try_divide(1, 0), try_add(1, 2), try_subtract(3, 1), try_multiply(2, 3);
-- [[null, "3", "2", "6"]]

SELECT round(2.5), round(25, -1), ceil(-0.1), floor(-0.1);
-- [["3", "30", "0", "-1"]]

SELECT round(CAST(2.5 AS DOUBLE)), bround(CAST(2.5 AS DOUBLE));
-- [["3.0", "2.0"]]

SELECT cast(2.7 AS INT), cast(-2.7 AS INT), int(CAST(2.7 AS DOUBLE));
-- [["2", "-2", "2"]]

SELECT cast('1.5' AS DOUBLE), double('1.5'), string(5), bigint('7'), boolean('true');
-- [["1.5", "1.5", "5", "7", "true"]]

SELECT cast(1 AS STRING), cast(1.0 AS STRING), cast(true AS STRING), cast(DATE '2025-01-01' AS STRING);
-- [["1", "1.0", "true", "2025-01-01"]]

SELECT cast(TIMESTAMP '2025-01-01 10:00:00' AS DATE), cast(1 AS BOOLEAN), cast('t' AS BOOLEAN);
-- [["2025-01-01", "true", "true"]]

SELECT greatest(1, 3, 2), least(1, 3, 2), abs(-1), sign(-3), power(2, 3), sqrt(4);
-- [["3", "1", "1", "-1.0", "8.0", "2.0"]]

SELECT greatest(1, NULL);
-- [["1"]]

SELECT nvl(NULL, 1), ifnull(NULL, 1), coalesce(NULL, 1), nullif(1, 1), nvl2(NULL, 1, 2), zeroifnull(NULL), nullifzero(0);
-- [["1", "1", "1", null, "2", "0", null]]

SELECT decode(2, 1, 'a', 2, 'b', 'c'), decode(5, 1, 'a', 'c');
-- [["b", "c"]]

SELECT isnull(NULL), isnotnull(1), NULL <=> NULL, 1 <=> NULL, equal_null(1, 1);
-- [["true", "true", "true", "false", "true"]]

SELECT is_account_group_member('account users'), is_member('users'), is_member('admins');
-- [["true", "true", "false"]]

SELECT rand() < 1, uuid() IS NOT NULL, monotonically_increasing_id() >= 0;
-- [["true", "true", "true"]]

SELECT shiftleft(2, 1), 5 & 3, 5 | 3, 5 ^ 3, ~ 0, bit_count(7);
-- [["4", "1", "7", "6", "-1", "3"]]

SELECT typeof(1), typeof('a'), typeof(1.5), typeof(array(1)), typeof(1L), typeof(1.5D);
-- [["int", "string", "decimal(2,1)", "array<int>", "bigint", "double"]]

SELECT concat('a', 'b', 'c'), 'a' || 'b', concat_ws('-', 'a', NULL, 'b'), concat_ws(',', array('a','b'));
-- [["abc", "ab", "a-b", "a,b"]]

SELECT concat('a', NULL);
-- [[null]]

SELECT concat(array(1), array(2));
-- [["[1,2]"]]

SELECT substring('Spark SQL', 5), substring('Spark SQL', 5, 1), substr('Spark SQL', -3), substring('Spark SQL' FROM 5 FOR 2);
-- [["k SQL", "k", "SQL", "k "]]

SELECT substring_index('www.apache.org', '.', 2), split('oneAtwoBthreeC', '[ABC]'), split_part('a.b.c', '.', 2);
-- [["www.apache", "[\"one\",\"two\",\"three\",\"\"]", "b"]]

SELECT split('a|b', '[|]')[0], split('a,b,c', ',')[2], split('one,two', ',', 1);
-- [["a", "c", "[\"one,two\"]"]]

SELECT instr('SparkSQL', 'SQL'), locate('bar', 'foobarbar'), position('bar' IN 'foobarbar'), charindex('bar', 'foobarbar'), locate('bar', 'foobarbar', 5);
-- [["6", "4", "4", "4", "7"]]

SELECT lpad('hi', 5, '??'), rpad('hi', 5, '??'), lpad('hi', 4), trim('  a '), ltrim('  a'), rtrim('a  '), trim(BOTH 'S' FROM 'SaS');
-- [["???hi", "hi???", "  hi", "a", "a", "a", "a"]]

SELECT initcap('sPark sql'), upper('a'), ucase('a'), lower('A'), lcase('A'), reverse('abc'), repeat('ab', 2), length('abc '), char_length('abc');
-- [["Spark Sql", "A", "A", "a", "a", "cba", "abab", "4", "3"]]

SELECT replace('ABCabc', 'abc', 'DEF'), translate('AaBbCc', 'abc', '123');
-- [["ABCDEF", "A1B2C3"]]

SELECT regexp_replace('100-200', '(\\d+)', 'num'), regexp_extract('100-200', '(\\d+)-(\\d+)', 1), regexp_extract('100-200', '(\\d+)-(\\d+)');
-- [["num-num", "100", "100"]]

SELECT 'abc123' RLIKE '\\d+', 'abc' RLIKE '^b', regexp_like('abc', 'b'), 'abc' REGEXP 'c$', rlike('abc', 'b');
-- [["true", "false", "true", "true", "true"]]

SELECT regexp_extract('a-b', r'(\w)-(\w)', 2);
-- [["b"]]

SELECT regexp_replace('abc', '(b)', '<$1>');
-- [["a<b>c"]]

SELECT regexp_extract_all('100-200, 300-400', '(\\d+)-(\\d+)', 1);
-- [["[\"100\",\"300\"]"]]

SELECT regexp_count('abcabc', 'a'), regexp_substr('abc', 'b.'), regexp_instr('abc', 'c');
-- [["2", "bc", "3"]]

SELECT 'Spark' ILIKE '_PARK', 'a%' LIKE 'a|%' ESCAPE '|', 'Spark' LIKE ANY ('x%', 'S%'), 'a' NOT LIKE 'b';
-- [["true", "true", "true", "true"]]

SELECT contains('SparkSQL', 'Spark'), startswith('SparkSQL', 'Spark'), endswith('SparkSQL', 'SQL');
-- [["true", "true", "true"]]

SELECT format_number(12332.123456, 4), format_string('Hello %d %s', 100, 'days'), printf('%05d', 7);
-- [["12,332.1235", "Hello 100 days", "00007"]]

SELECT base64('Spark SQL'), cast(unbase64('U3BhcmsgU1FM') AS STRING), encode('abc', 'utf-8') = cast('abc' AS BINARY), decode(encode('abc', 'utf-8'), 'utf-8');
-- [["U3BhcmsgU1FM", "Spark SQL", "true", "abc"]]

SELECT str_to_map('a:1,b:2', ',', ':');
-- [["{\"a\":\"1\",\"b\":\"2\"}"]]

SELECT array(1,2,3)[0], element_at(array(1,2,3), 1), element_at(array(1,2,3), -1), get(array(1,2), 5), try_element_at(array(1,2), 5);
-- [["1", "1", "3", null, null]]

SELECT map('a', 1)['a'], element_at(map('a', 1), 'a');
-- [["1", "1"]]

SELECT size(array(1,2)), cardinality(array(1,2)), array_size(array(1)), size(map('a', 1));
-- [["2", "2", "1", "1"]]

SELECT array_contains(array(1,2), 2), array_position(array(3,1), 1), array_distinct(array(1,1)), array_max(array(1,3)), array_min(array(1,3)), array_join(array('a','b'), ','), array_remove(array(1,2,1), 1);
-- [["true", "2", "[1]", "3", "1", "a,b", "[2]"]]

SELECT sort_array(array('b','d','c','a'), true), array_sort(array(3,1,2)), sort_array(array(1,3,2), false);
-- [["[\"a\",\"b\",\"c\",\"d\"]", "[1,2,3]", "[3,2,1]"]]

SELECT array_sort(array_union(array(1,2), array(2,3))), array_intersect(array(1,2), array(2,3)), array_except(array(1,2), array(2,3)), arrays_overlap(array(1,2), array(2,3));
-- [["[1,2,3]", "[2]", "[1]", "true"]]

SELECT slice(array(1,2,3,4), 2, 2), flatten(array(array(1,2), array(3))), array_repeat('a', 2), array_append(array(1), 2), array_prepend(array(1), 2), array_compact(array(1, NULL));
-- [["[2,3]", "[1,2,3]", "[\"a\",\"a\"]", "[1,2]", "[2,1]", "[1]"]]

SELECT map_keys(map('a', 1)), map_values(map('a', 1)), map_entries(map('a', 1)), map_from_arrays(array('a'), array(1)), map_concat(map('a', 1), map('b', 2)), map_contains_key(map('a', 1), 'a');
-- [["[\"a\"]", "[1]", "[{\"key\":\"a\",\"value\":1}]", "{\"a\":1}", "{\"a\":1,\"b\":2}", "true"]]

SELECT named_struct('a', 1, 'b', 'x').b, struct(1 AS a, 2 AS b).a, struct(1, 2).col1;
-- [["x", "1", "1"]]

SELECT count_if(x > 1), any_value(1), bool_and(x > 0), every(x > 0), some(x > 1), any(x > 1), bool_or(x > 5) FROM VALUES (1), (2) AS v(x);
-- [["1", "1", "true", "true", "true", "true", "false"]]

SELECT sort_array(collect_list(x)), sort_array(collect_set(x)), array_agg(x) FROM VALUES (1), (1) AS v(x);
-- [["[1,1]", "[1]", "[1,1]"]]

SELECT first(x), last(x), first_value(x), max_by(x, y), min_by(x, y) FROM VALUES (1, 5), (2, 6) AS v(x, y);
-- [["1", "2", "1", "2", "1"]]

SELECT percentile(x, 0.5), median(x), percentile_cont(0.5) WITHIN GROUP (ORDER BY x) FROM VALUES (1), (2) AS v(x);
-- [["1.5", "1.5", "1.5"]]

SELECT listagg(x, ',') WITHIN GROUP (ORDER BY x DESC) FROM VALUES ('a'), ('b') AS v(x);
-- [["b,a"]]

SELECT sum(x) FILTER (WHERE x > 1), try_sum(x), try_avg(x) FROM VALUES (1), (2) AS v(x);
-- [["2", "3", "1.5"]]

SELECT a, b, sum(x), grouping(a) FROM VALUES ('p','q',1) AS v(a, b, x) GROUP BY ROLLUP (a, b) ORDER BY 1 NULLS LAST, 2 NULLS LAST;
-- [["p", "q", "1", "0"], ["p", null, "1", "0"], [null, null, "1", "1"]]

SELECT a, sum(x) FROM VALUES ('p','q',1) AS v(a, b, x) GROUP BY a WITH ROLLUP ORDER BY 1;
-- [[null, "1"], ["p", "1"]]

SELECT a, sum(x) FROM VALUES ('p',1) AS v(a, x) GROUP BY CUBE (a) ORDER BY 1;
-- [[null, "1"], ["p", "1"]]

SELECT a, sum(x) FROM VALUES ('p',1) AS v(a, x) GROUP BY GROUPING SETS ((a), ()) ORDER BY 1;
-- [[null, "1"], ["p", "1"]]

SELECT lag(x) OVER (ORDER BY x), lead(x, 1, 0) OVER (ORDER BY x), rank() OVER (ORDER BY x), dense_rank() OVER (ORDER BY x), ntile(2) OVER (ORDER BY x), sum(x) OVER (ORDER BY x ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) FROM VALUES (1), (2) AS v(x) ORDER BY 1;
-- [[null, "2", "1", "1", "1", "1"], ["1", "0", "2", "2", "2", "3"]]

SELECT last_value(x) IGNORE NULLS OVER (ORDER BY y) FROM VALUES (1, 1), (NULL, 2) AS v(x, y) ORDER BY y;
-- [["1"], ["1"]]

SELECT last_value(x, true) OVER (ORDER BY y) FROM VALUES (1, 1), (NULL, 2) AS v(x, y) ORDER BY y;
-- [["1"], ["1"]]

SELECT sum(x) OVER w FROM VALUES (1) AS v(x) WINDOW w AS (PARTITION BY x);
-- [["1"]]

SELECT max(struct(y, x)).x FROM VALUES (1, 5), (2, 6) AS v(x, y);
-- [["2"]]

SELECT current_catalog(), current_schema(), current_database();
-- [["main", "default", "default"]]

SELECT current_user() IS NOT NULL, session_user() IS NOT NULL, user() IS NOT NULL;
-- [["true", "true", "true"]]

SELECT version() IS NOT NULL;
-- [["true"]]

SELECT table_name FROM information_schema.tables WHERE table_name = 'nope';
-- []

SELECT /*+ BROADCAST(t) */ 1;
-- [["1"]]

SELECT `a b` FROM (SELECT 1 AS `a b`);
-- [["1"]]

SELECT 1 AS `a``b`;
-- [["1"]]

SELECT count(1) FROM (SELECT 1) HAVING count(1) > 0;
-- [["1"]]

SELECT * FROM (SELECT 1 AS a) x CROSS JOIN (SELECT 2 AS b) y;
-- [["1", "2"]]

SELECT * FROM (SELECT 1 AS a) x NATURAL JOIN (SELECT 1 AS a, 2 AS b) y;
-- [["1", "2"]]

SELECT a FROM (SELECT 1 AS a) CLUSTER BY a;
-- [["1"]]

SELECT cast('2025-01-01T10:00:00Z' AS TIMESTAMP);
-- [["2025-01-01T10:00:00.000Z"]]

SELECT to_timestamp('2025-01-01T10:00:00Z');
-- [["2025-01-01T10:00:00.000Z"]]

SELECT cast('2025-01-01T10:00:00+02:00' AS TIMESTAMP);
-- [["2025-01-01T08:00:00.000Z"]]

SELECT aggregate(array(1,2,3), 0, (acc, x) -> acc + x, acc -> acc * 10);
-- [["60"]]

SELECT a.* FROM (SELECT 1 AS x, 2 AS y) a;
-- [["1", "2"]]

SELECT date_diff(DAY, DATE '2025-01-01', DATE '2025-01-03'), date_diff(DATE '2025-01-03', DATE '2025-01-01');
-- [["2", "2"]]

SELECT transform(array(5, 6), (x, i) -> x * i), filter(array(5, 6), (x, i) -> i > 0), to_json(transform(array(5), (x, i) -> struct(i AS i)));
-- [["[0,6]", "[6]", "[{\"i\":0}]"]]

SELECT extract(DOW FROM DATE '2024-05-19'), date_part('dow', DATE '2024-05-19'), extract(DAYOFWEEK FROM DATE '2024-05-17'), extract(YEAR FROM DATE '2024-05-17');
-- [["1", "1", "6", "2024"]]

SELECT substring('hello', 0, 2), substr('hello', 1, 2);
-- [["he", "he"]]

SELECT 'a%b' LIKE 'a\\%b', 'axb' LIKE 'a\\%b', 'ab' NOT LIKE '%\\_%', 'a%' LIKE 'a|%' ESCAPE '|';
-- [["true", "false", "true", "true"]]

SELECT date_format(TIMESTAMP '2024-05-07 15:04:05', "yyyy-MM-dd'T'HH:mm:ss'Z'"), to_timestamp('2024-05-07T15:04:05Z', "yyyy-MM-dd'T'HH:mm:ss'Z'");
-- [["2024-05-07T15:04:05Z", "2024-05-07T15:04:05.000Z"]]

SELECT to_timestamp(1700000000), CAST(n AS TIMESTAMP), TRY_CAST(n + 0.5 AS TIMESTAMP), CAST('2024-01-02T03:04:05+02:00' AS TIMESTAMP), TRY_CAST(t AS TIMESTAMP) FROM VALUES (5, 'x') AS v(n, t);
-- [["2023-11-14T22:13:20.000Z", "1970-01-01T00:00:05.000Z", "1970-01-01T00:00:05.500Z", "2024-01-02T01:04:05.000Z", null]]

SELECT CAST(TIMESTAMP '2024-01-01 00:00:01.5' AS BIGINT), bigint(TIMESTAMP '1969-12-31 23:59:58.5'), date_from_unix_date(1);
-- [["1704067201", "-2", "1970-01-02"]]

SELECT to_char(DATE '2024-01-05', 'yyyy/MM'), to_char(TIMESTAMP '2024-01-05 10:11:12', 'HH:mm');
-- [["2024/01", "10:11"]]

SELECT CAST(CAST(2.7 AS INT) AS BIGINT), CAST(CAST('3' AS DOUBLE) / 2 AS INT), filter(filter(array(1, 2, 3), (x, i) -> i > 0), (x, i) -> i > 0);
-- [["2", "1", "[3]"]]

SELECT datediff(MONTH, date'2024-01-31', date'2024-02-29'), datediff(MONTH, date'2024-02-29', date'2024-01-31'), datediff(QUARTER, date'2023-11-30', date'2024-02-29'), datediff(YEAR, date'2020-02-29', date'2021-02-28');
-- [["0", "0", "0", "0"]]

SELECT arrays_zip(array(1, 2), array('a', 'b')), replace('abcabc', 'b'), soundex('Robert'), date_trunc('WEEK', '2024-05-15'), date_trunc('DD', timestamp'2024-05-15 10:11:12'), date_trunc('quarter', '2024-05-15 10:11:12');
-- [["[{\"0\":1,\"1\":\"a\"},{\"0\":2,\"1\":\"b\"}]", "acac", "R163", "2024-05-13T00:00:00.000Z", "2024-05-15T00:00:00.000Z", "2024-04-01T00:00:00.000Z"]]

SELECT date_trunc('HOUR', '2024-05-15 10:11:12'), extract(SECOND FROM timestamp'2024-05-15 10:11:12.5'), extract(DOW_ISO FROM date'2024-05-15'), date_format('2024-05-15', 'Q'), date_format('2024-05-15', 'yyyy-''Q''Q');
-- [["2024-05-15T10:00:00.000Z", "12.500000", "3", "2", "2024-Q2"]]

SELECT date_format('2024-05-15', 'QQQ'), date_format('2024-05-15', 'yyyy-QQ'), date_format('2024-05-15', 'DDD'), date_format(timestamp'2024-05-15 03:04:05.678', 'yyyy-MM-dd''T''HH:mm:ss.SSSXXX');
-- [["Q2", "2024-02", "136", "2024-05-15T03:04:05.678Z"]]

SELECT date_format(timestamp'2024-05-15 03:04:05.678', 'z'), date_format(timestamp'2024-05-15 03:04:05.678', 'k'), date_format(timestamp'2024-05-15 03:04:05.678', 'S'), date_format(timestamp'2024-05-15 03:04:05.678', 'SS');
-- [["UTC", "3", "6", "67"]]

SELECT date_format(timestamp'2024-05-15 03:04:05', 'VV'), to_timestamp('2024-05-15T10:11:12.123Z', 'yyyy-MM-dd''T''HH:mm:ss.SSSX'), timestamp_seconds(1715767872), timestamp_millis(1715767872123), timestamp_micros(1715767872123456);
-- [["UTC", "2024-05-15T10:11:12.123Z", "2024-05-15T10:11:12.000Z", "2024-05-15T10:11:12.123Z", "2024-05-15T10:11:12.123456Z"]]

SELECT make_dt_interval(1, 2), date(timestamp'2024-05-15 10:11:12'), timestamp('2024-05-15'), int('5'), string(5), double('1.5'), float(1), bigint(5), boolean('true'), decimal(5), binary('a'), smallint(1), tinyint(1);
-- [["1 day, 2:00:00", "2024-05-15", "2024-05-15T00:00:00.000Z", "5", "5", "1.5", "1.0", "5", "true", "5", "YQ==", "1", "1"]]

SELECT negative(5), positive(5), rint(2.5), rint(3.5), ln(0), log(-1), try_divide(1, 0), try_add(2147483647, 1), try_subtract(1, 2), try_multiply(2, 3), try_mod(5, 0), conv('ff', 16, 10), conv('10', 10, 2);
-- [["-5", "5", "2.0", "4.0", null, null, null, null, "-1", "6", null, "255", "1010"]]

SELECT width_bucket(5, 0, 10, 5), bit_get(5, 0), array_contains(array(1, 2), 2), array_contains(array(1, NULL), 2), array_position(array(1, 2), 2), array_position(array(1, 2), 5);
-- [["3", "1", "true", null, "2", "0"]]

SELECT array_remove(array(1, 2, NULL, 2), 2), array_sort(array(3, 1, 2), (a, b) -> CASE WHEN a < b THEN 1 WHEN a > b THEN -1 ELSE 0 END), arrays_overlap(array(1, 2), array(2)), arrays_overlap(array(1, NULL), array(2));
-- [["[1,null]", "[3,2,1]", "true", null]]

SELECT zip_with(array(1, 2), array(3, 4), (x, y) -> x * y), zip_with(array(1, 2), array(3), (x, y) -> coalesce(y, 0)), map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1), transform_values(map('a', 1), (k, v) -> v + 1);
-- [["[3,8]", "[3,0]", "{\"b\":2}", "{\"a\":2}"]]

SELECT transform_keys(map('a', 1), (k, v) -> upper(k)), map_zip_with(map('a', 1), map('a', 2), (k, x, y) -> x + y), get_json_object('{"a":{"b":1}}', '$.a.b'), get_json_object('{"a":[1,2]}', '$.a[1]'), get_json_object('{"a":[1,2]}', '$.a'), get_json_object('x', '$.a');
-- [["{\"A\":1}", "{\"a\":3}", "1", "2", "[1,2]", null]]

SELECT parse_url('http://a.com/p?x=1&y=2', 'HOST'), parse_url('http://a.com/p?x=1&y=2', 'QUERY', 'x'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'PATH'), parse_url('http://a.com/p?x=1', 'QUERY'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'REF'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'PROTOCOL'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'AUTHORITY'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'FILE'), parse_url('https://u:p@a.com:80/p/q?x=1#r', 'USERINFO'), parse_url('http://a.com/p', 'QUERY');
-- [["a.com", "1", "/p/q", "x=1", "r", "https", "u:p@a.com:80", "/p/q?x=1", "u:p", null]]

SELECT octet_length('ä'), bit_length('a'), char_length('ä'), length('ä'), btrim('  a '), btrim('xax', 'x'), hypot(3, 4), to_number('12,454.8', '99,999.9'), try_to_number('x', '99');
-- [["2", "8", "1", "1", "a", "a", "5.0", "12454.8", null]]

SELECT luhn_check('4111111111111111'), mask('Ab1-', 'X', 'x', 'n', '*'), conv('100', 2, 10), convert_timezone('Europe/Brussels', timestamp_ntz'2021-12-05 15:00:00'), expm1(0), getbit(11, 0);
-- [["true", "Xxn*", "4", "2021-12-05T16:00:00.000Z", "0.0", "1"]]

SELECT is_variant_null(parse_json('null')), levenshtein('kitten', 'sitting', 2), luhn_check('8112189876'), make_timestamp_ntz(2014, 12, 28, 6, 30, 45.887), mask('abcd-EFGH-8765-4321', 'Q');
-- [["true", "-1", "true", "2014-12-28T06:30:45.887Z", "xxxx-QQQQ-nnnn-nnnn"]]

SELECT timestamp_seconds(1230219000), to_number('12,454', '99,999'), try_make_timestamp(2014, 12, 28, 6, 30, 45.887), try_parse_url('http://spark.apache.org/path?query=1', 'HOST');
-- [["2008-12-25T15:30:00.000Z", "12454", "2014-12-28T06:30:45.887Z", "spark.apache.org"]]

SELECT try_to_number('454', '999'), try_url_decode('https%3A%2F%2Fspark.apache.org'), width_bucket(5.3, 0.2, 10.6, 5);
-- [["454", "https://spark.apache.org", "3"]]

SELECT json_tuple('{"a":1,"b":"x"}', 'a', 'b');
-- [["1", "x"]]

SELECT round(skewness(v), 9), round(kurtosis(v), 9) FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d);
-- [["0.652023665", "-0.903047091"]]

SELECT percentile(v, 0.5), percentile_approx(v, 0.5), approx_percentile(v, array(0.25, 0.75)), median(v), approx_percentile(d, 0.5), percentile(v, array(0.25, 0.5)) FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d);
-- [["20.0", "20", "[10,20]", "20.0", "2.5", "[\"17.5\",\"20.0\"]"]]

SELECT string_agg(g, ',') WITHIN GROUP (ORDER BY id), listagg(g, ',') WITHIN GROUP (ORDER BY id), listagg(g) WITHIN GROUP (ORDER BY id) FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d);
-- [["a,a,b,b", "a,a,b,b", "aabb"]]

SELECT map_from_entries(collect_list(struct(id, v)))[1] FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d);
-- [["10"]]

SELECT array_sort(collect_list(id), (a, b) -> b - a) FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d);
-- [["[5,4,3,2,1]"]]

SELECT id, last(v, true) OVER (ORDER BY id) AS a, first(v, true) OVER (ORDER BY id DESC) AS b, last_value(v) IGNORE NULLS OVER (ORDER BY id) AS c, last(v) IGNORE NULLS OVER (ORDER BY id) AS d FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d) ORDER BY id;
-- [["1", "10", "20", "10", "10"], ["2", "20", "20", "20", "20"], ["3", "20", "20", "20", "20"], ["4", "40", "20", "40", "40"], ["5", "20", "20", "20", "20"]]

SELECT id, a, b FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d) LATERAL VIEW json_tuple('{"a":1,"b":2}', 'a', 'b') j AS a, b ORDER BY id;
-- [["1", "1", "2"], ["2", "1", "2"], ["3", "1", "2"], ["4", "1", "2"], ["5", "1", "2"]]

SELECT id, a, b FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d) LATERAL VIEW stack(2, 1, 'x', 2, 'y') j AS a, b ORDER BY id, a;
-- [["1", "1", "x"], ["1", "2", "y"], ["2", "1", "x"], ["2", "2", "y"], ["3", "1", "x"], ["3", "2", "y"], ["4", "1", "x"], ["4", "2", "y"], ["5", "1", "x"], ["5", "2", "y"]]

SELECT id, e.pos, e.col FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d), LATERAL posexplode(array('a', 'b')) AS e WHERE id = 1 ORDER BY 2;
-- [["1", "0", "a"], ["1", "1", "b"]]

SELECT * FROM inline(array(struct(1 AS a, 'x' AS b)));
-- [["1", "x"]]

SELECT id, posexplode_outer(array('a')) AS (p, x) FROM (VALUES (1, 'a', 10, 1.5D), (2, 'a', 20, 2.5D), (3, 'b', NULL, 3.5D), (4, NULL, 40, NULL), (5, 'b', 20, 5D)) AS t(id, g, v, d) ORDER BY id;
-- [["1", "0", "a"], ["2", "0", "a"], ["3", "0", "a"], ["4", "0", "a"], ["5", "0", "a"]]

SELECT i, l[i] AS f FROM (SELECT 1 AS i, array(5, 6) AS l);
-- [["1", "6"]]

SELECT z.a, z.b FROM (SELECT explode(arrays_zip(a, b)) AS z FROM (SELECT array(1, 2) AS a, array('x', 'y') AS b));
-- [["1", "x"], ["2", "y"]]

SELECT '\\abc' AS S, S ilike r'\\abc', S ilike '\\\\abc';
-- [["\\abc", "true", "true"]]

SELECT '\\abc' AS S, S like r'\\abc', S like '\\\\abc';
-- [["\\abc", "true", "true"]]

SELECT listagg(col) FROM VALUES ('a'), ('b'), ('c') AS tab(col);
-- [["abc"]]

SELECT std(col) FROM VALUES (1), (2), (3) AS tab(col);
-- [["1.0"]]

SELECT CAST(1.5 AS DECIMAL), l[i], m[k], m[1], transform(l, x -> l[0] + x) FROM (SELECT 1 AS i, 2 AS k, array(5, 6) AS l, map(1, 'a', 2, 'b') AS m);
-- [["2", "6", "b", "a", "[10,11]"]]

SELECT zip_with(array(1, 2), array(3, 4), (x, y) -> aggregate(zip_with(array(x), array(y), (p, q) -> p * q + x), 0, (s, e) -> s + e)), array_sort(array(named_struct('k', 2), named_struct('k', 1)), (x, y) -> x.k - y.k);
-- [["[4,10]", "[{\"k\":1},{\"k\":2}]"]]

SELECT id, x, p FROM VALUES (1, array('a')), (2, array()), (3, NULL) AS t(id, l) LATERAL VIEW OUTER posexplode(l) e AS p, x ORDER BY id;
-- [["1", "a", "0"], ["2", null, null], ["3", null, null]]

SELECT datediff(timestamp'2024-01-02 01:00:00', timestamp'2024-01-01 23:00:00'), date_diff('2024-01-02 01:00:00', '2024-01-01 23:00:00'), datediff(DAY, timestamp'2024-01-01 23:00:00', timestamp'2024-01-02 01:00:00');
-- [["1", "1", "0"]]

SELECT d['x'], t[date'2024-01-01'], reverse(split('a-b', '-')), reverse('ab'), add_months(s, 1), width_bucket(NULL, 0, 1, 2) FROM (SELECT map('x', 1) AS d, map(date'2024-01-01', 2) AS t, '2024-01-31' AS s);
-- [["1", "2", "[\"b\",\"a\"]", "ba", "2024-02-29", null]]

SELECT percentile(x, 0.5), percentile_cont(0.5) WITHIN GROUP (ORDER BY x), median(x) FROM VALUES (1.15), (2.20) AS t(x);
-- [["1.675", "1.675", "1.675"]]

SELECT map(k, 1)[k], l[i], transform(array(0, 1), j -> l[j]) FROM VALUES ('a', 1, array('p', 'q')) AS t(k, i, l);
-- [["1", "q", "[\"p\",\"q\"]"]]

SELECT base64('ä'), base64(x), CAST(CAST('ä' AS BINARY) AS STRING), CAST(unbase64('w6Q=') AS STRING), CAST('abc' AS BINARY), base64(unhex('00')) FROM VALUES ('ü') AS t(x);
-- [["w6Q=", "w7w=", "ä", "ä", "YWJj", "AA=="]]

SELECT collect_list(x), size(collect_set(x)), collect_list(x) FILTER (WHERE x > 5) FROM VALUES (CAST(NULL AS INT)) AS t(x);
-- [["[]", "0", "[]"]]

SELECT x, collect_list(y) OVER (PARTITION BY x) FROM VALUES (1, 2), (2, NULL) AS t(x, y) ORDER BY x;
-- [["1", "[2]"], ["2", "[]"]]

SELECT elt(2, 'a', 1), elt(1, 'scala', 'java'), date_part('SECONDS', timestamp'2019-10-01 00:00:01.000001'), date_part('quarter', '2024-12-01'), date_part('dow_iso', date'2024-05-15'), extract(DAY FROM '2024-01-31'), date_part('month', interval '3' month);
-- [["1", "scala", "1.000001", "4", "3", "31", "3"]]

SELECT json_array_length('[1,2'), json_array_length('[1,2]'), regexp('abc', '^a'), CAST(date_part('doy', date'2019-08-12') AS STRING);
-- [[null, "2", "true", "224"]]

SELECT forall(array(2, null), x -> x > 0), forall(array(0, null), x -> x > 0), exists(array(1, null), x -> x > 1), exists(array(2, null), x -> x > 1), exists(array(), x -> x), forall(null, x -> x);
-- [[null, "false", null, "true", "false", null]]
SELECT typeof(uuid()), length(uuid());
-- [["string", "36"]]
SELECT current_user(), current_user, session_user(), user();
-- [["me@example.com", "me@example.com", "me@example.com", "me@example.com"]]
SELECT forall(array(1, 2), x -> x > 0), forall(array(1, 2), x -> x > 1);
-- [["true", "false"]]

SELECT first(x) IGNORE NULLS, last(x, true) FROM VALUES (NULL), (2), (NULL) AS v(x);
-- [["2", "2"]]

SELECT x, first(x) OVER (ORDER BY x), last(x) OVER (ORDER BY x) FROM VALUES (1), (NULL) AS v(x) ORDER BY x;
-- [[null, null, null], ["1", null, "1"]]

SELECT sequence(DATE '2024-01-31', DATE '2024-02-01'), to_varchar(DATE '2024-01-31', 'yyyy');
-- [["[\"2024-01-31\",\"2024-02-01\"]", "2024"]]

SELECT get_json_object('{"a": [{"b": 1}, {"b": 2}]}', '$.a[*].b');
-- [["[\"1\",\"2\"]"]]

SELECT zip_with(array(struct(1 AS n)), array(2), (x, y) -> x.n + y);
-- [["[3]"]]
SELECT isnan(x), find_in_set(s, 'a,b') FROM VALUES (CAST('NaN' AS DOUBLE), 'b'), (NULL, NULL), (1.5D, 'c') AS t(x, s);
-- [["true", "2"], ["false", null], ["false", "0"]]
SELECT s > 9, s = 10.0, s IN (10), d > day, d BETWEEN '2024-01-01' AND day, greatest(s, '9'), n || s FROM VALUES (123, '10', DATE '2024-01-02', '2024-01-01') AS t(n, s, d, day);
-- [["true", "true", "true", "true", "false", "9", "12310"]]
SELECT lpad(n, 5, '0'), length(n), n LIKE '12%', substr(d, 1, 4), upper(d > '2024-01-01'), replace(n, '2', 'x') FROM VALUES (123, DATE '2024-01-02') AS t(n, d);
-- [["00123", "3", "true", "2024", "TRUE", "1x3"]]
SELECT s + 1, s * 2.5, -s, s / 4, round(s, 0), ceil(s), sqrt(m), concat(s + 1, 'x'), s % 3 FROM VALUES ('10', '4') AS t(s, m);
-- [["11", "25.0", "-10.0", "2.5", "10.0", "10", "2.0", "11x", "1"]]
WITH q AS (SELECT k, s AS n FROM VALUES ('a', '1'), ('a', '4') AS t(k, s)) SELECT k, sum(n), avg(n + 1), max(n) + 1 FROM q GROUP BY k HAVING sum(n) > 3;
-- [["a", "5.0", "3.5", "5"]]
