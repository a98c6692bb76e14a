CREATE OR REPLACE TEMPORARY VIEW t AS SELECT * FROM VALUES ('a', 1, 1.5D, cast(10.25 as decimal(10,2)), date'2024-01-01', timestamp'2024-01-01 10:00:00', cast(null as int)), ('b', 2, 2.5D, cast(20.50 as decimal(10,2)), date'2024-01-02', timestamp'2024-01-02 10:00:00', 5), ('a', 4, 0.5D, cast(1.05 as decimal(10,2)), date'2024-02-01', timestamp'2024-02-01 10:00:00', null) AS t(k, v, x, p, d, t, n)
CREATE OR REPLACE TEMPORARY VIEW orders AS SELECT * FROM VALUES (1, 10, date'2024-01-05', cast(100.50 as decimal(10,2)), 'paid', timestamp'2024-01-05 10:00:00'), (2, 10, date'2024-01-20', cast(20.00 as decimal(10,2)), 'open', timestamp'2024-01-20 11:30:00'), (3, 11, date'2024-02-01', cast(300.25 as decimal(10,2)), 'paid', timestamp'2024-02-01 09:00:00'), (4, 12, date'2024-02-15', cast(50.00 as decimal(10,2)), NULL, timestamp'2024-02-15 23:59:59'), (5, 11, date'2024-03-01', cast(75.75 as decimal(10,2)), 'paid', timestamp'2024-03-01 00:00:00'), (6, 99, date'2024-03-09', NULL, 'void', NULL) AS t(order_id, customer_id, order_date, amount, status, created)
CREATE OR REPLACE TEMPORARY VIEW customers AS SELECT * FROM VALUES (10, 'Ann', 'DE', array('a','b')), (11, 'bob', 'US', array('b')), (12, 'Cy', NULL, array()), (13, 'Dee', 'DE', NULL) AS t(customer_id, name, country, tags)
CREATE OR REPLACE TEMPORARY VIEW items AS SELECT * FROM VALUES (1, 'x', 2, 10.0D), (1, 'y', 1, 5.5D), (3, 'x', 5, 9.99D), (5, 'z', NULL, 1.25D) AS t(order_id, sku, qty, price)
CREATE OR REPLACE TEMPORARY VIEW events AS SELECT * FROM VALUES ('u1', timestamp'2024-01-01 00:00:00', '{"page":"home","ms":12}'), ('u1', timestamp'2024-01-01 00:10:00', '{"page":"cart"}'), ('u1', timestamp'2024-01-01 02:00:00', NULL), ('u2', timestamp'2024-01-01 00:05:00', '{"page":"home","ms":99}') AS t(user, ts, props)
CREATE OR REPLACE TEMPORARY VIEW prices AS SELECT * FROM VALUES ('x', date'2024-01-01', date'2024-01-31', 9.0D), ('x', date'2024-02-01', NULL, 10.0D), ('y', date'2024-01-01', NULL, 5.0D) AS t(sku, valid_from, valid_to, list_price)
CREATE OR REPLACE TEMPORARY VIEW texts AS SELECT * FROM VALUES (123, date'2024-01-02', timestamp'2024-01-02 03:04:05', '10', '2024-01-02', '2024-01-02 03:04:05', true, 1.5D, cast(10.50 as decimal(10,2))) AS t(n, d, ts, s, s2, s3, b, x, p)
CREATE OR REPLACE TEMPORARY VIEW flags AS SELECT * FROM VALUES (1, true, 'true', map('a', 1, 'b c', 2), array(0, 1, 2)), (2, false, 'false', map(), array(3)) AS flags(n, b, s, m, a)
-- Constant expressions
SELECT 1 + 1
SELECT 1 / 2
SELECT 7 div 2
SELECT -7 % 3
SELECT mod(-7, 3)
SELECT pmod(-7, 3)
SELECT 1.5 * 2
SELECT 1.10 + 2
SELECT 10 / 3.0
SELECT cast(1.005 as decimal(10,2))
SELECT round(2.5)
SELECT round(-2.5)
SELECT bround(2.5)
SELECT round(1.2345, 2)
SELECT round(12345, -2)
SELECT ceil(1.2)
SELECT ceiling(-1.2)
SELECT floor(-1.2)
SELECT ceil(3.14159, 2)
SELECT floor(3.14159, 2)
SELECT sqrt(16)
SELECT pow(2, 10)
SELECT power(2, 0.5)
SELECT exp(0)
SELECT ln(1)
SELECT log(10, 100)
SELECT log10(1000)
SELECT log2(8)
SELECT abs(-5)
SELECT sign(-3)
SELECT signum(2.0)
SELECT greatest(1, null, 3)
SELECT least(1, null, 3)
SELECT hex(255)
SELECT unhex('FF')
SELECT bin(13)
SELECT conv('ff', 16, 10)
SELECT rand(1) < 1
SELECT factorial(5)
SELECT cbrt(27)
SELECT sin(0)
SELECT degrees(pi())
SELECT radians(180)
SELECT hypot(3, 4)
SELECT width_bucket(5.3, 0.2, 10.6, 5)
SELECT try_divide(1, 0)
SELECT try_add(2147483647, 1)
SELECT try_cast('x' as int)
SELECT cast('12' as int)
SELECT cast(' 12 ' as int)
SELECT cast('1.5' as double)
SELECT cast(1.9 as int)
SELECT cast(-1.9 as int)
SELECT cast('true' as boolean)
SELECT cast('yes' as boolean)
SELECT cast(0 as boolean)
SELECT cast(true as int)
SELECT cast(1 as string)
SELECT cast(1.0 as string)
SELECT cast(1e10 as string)
SELECT cast(1e-5 as string)
SELECT cast(0.1 as float)
SELECT cast(cast(0.1 as float) as double)
SELECT cast(cast(1.10 as decimal(5,2)) as string)
SELECT cast(date'2024-01-31' as string)
SELECT cast(timestamp'2024-01-31 10:00:00' as string)
SELECT cast(timestamp'2024-01-31 10:00:00.123' as string)
SELECT cast('2024-01-31' as date)
SELECT cast('2024-1-3' as date)
SELECT cast('2024-01-31 12:34:56' as timestamp)
SELECT cast('2024-01-31T12:34:56Z' as timestamp)
SELECT cast('2024-01-31T12:34:56+02:00' as timestamp)
SELECT cast(1700000000 as timestamp)
SELECT cast(timestamp'2024-01-31 10:00:00' as long)
SELECT cast(timestamp'2024-01-31 10:00:00' as date)
SELECT cast(date'2024-01-31' as timestamp)
SELECT double(1)
SELECT int('3')
SELECT string(5)
SELECT date('2024-02-29')
SELECT timestamp('2024-02-29 01:02:03')
SELECT bigint(2)
SELECT boolean('f')
SELECT float(1.5)
SELECT decimal(3)
SELECT 1 = 1.0
SELECT '1' = 1
SELECT null = null
SELECT null <=> null
SELECT 1 <=> null
SELECT not true
SELECT true and null
SELECT false and null
SELECT true or null
SELECT 1 in (1, 2, null)
SELECT 3 in (1, 2, null)
SELECT 'a' like 'A'
SELECT 'a' ilike 'A'
SELECT 'abc' rlike '^a.c$'
SELECT 'abc' regexp 'b'
SELECT 'a_c' like 'a\_c'
SELECT 'a%c' like 'a!%c' escape '!'
SELECT 'abc' like any ('a%', 'z%')
SELECT 5 between 1 and 10
SELECT if(1 > 2, 'a', 'b')
SELECT nvl(null, 1)
SELECT nvl2(null, 1, 2)
SELECT ifnull(null, 3)
SELECT nullif(1, 1)
SELECT coalesce(null, null, 'x')
SELECT case when 1 = 2 then 'a' when 2 = 2 then 'b' else 'c' end
SELECT case 1 when 1 then 'x' end
SELECT decode(2, 1, 'a', 2, 'b', 'c')
SELECT isnull(null)
SELECT isnotnull(1)
SELECT isnan(double('nan'))
SELECT nanvl(double('nan'), 5)
SELECT zeroifnull(null)
SELECT nullifzero(0)
SELECT equal_null(null, null)
SELECT assert_true(true)
SELECT typeof(1)
SELECT typeof(1L)
SELECT typeof(1.5)
SELECT typeof('a')
SELECT typeof(array(1))
SELECT typeof(map('a', 1))
SELECT typeof(named_struct('a', 1))
SELECT typeof(date'2024-01-01' - date'2023-01-01')
SELECT typeof(current_date())
SELECT typeof(1 / 2)
SELECT typeof(10 / 3.0)
SELECT typeof(sum(1))
SELECT typeof(avg(1))
SELECT typeof(count(1))
SELECT typeof(timestamp'2024-01-01 00:00:00' - timestamp'2023-01-01 00:00:00')
SELECT typeof(cast(1 as decimal(10,2)) * cast(1 as decimal(10,2)))
SELECT typeof(cast(1 as decimal(10,2)) / cast(1 as decimal(10,2)))
SELECT typeof(cast(1 as decimal(10,2)) + 1)
SELECT typeof(round(cast(1 as decimal(10,4)), 2))
SELECT typeof(ceil(1.5))
SELECT typeof(floor(2.5D))
SELECT typeof(abs(-1L))
SELECT typeof(coalesce(1, 2L))
SELECT typeof(if(true, 1, 2.5))
SELECT typeof(array(1, 2.5))
SELECT typeof(size(array(1)))
SELECT typeof(length('a'))
SELECT typeof(unix_timestamp())
SELECT typeof(datediff(current_date(), current_date()))
SELECT typeof(month(current_date()))
SELECT typeof(months_between(current_date(), current_date()))
SELECT typeof(row_number() over (order by 1))
SELECT typeof(concat('a', 1))
SELECT typeof(split('a', 'b'))
SELECT typeof(hash(1))
SELECT typeof(xxhash64(1))
SELECT typeof(to_date('2024-01-01'))
SELECT typeof(to_timestamp('2024-01-01'))
SELECT typeof(date_trunc('month', current_date()))
SELECT typeof(trunc(current_date(), 'month'))
SELECT typeof(year(current_date()))
SELECT typeof(stddev(1))
SELECT typeof(percentile(1, 0.5))
SELECT typeof(collect_list(1))
SELECT typeof(max(date'2024-01-01'))
SELECT concat('a', 'b', 'c')
SELECT concat('a', null)
SELECT concat_ws('-', 'a', null, 'b')
SELECT concat_ws(',', array('x', 'y'), 'z')
SELECT 'a' || 'b' || 1
SELECT upper('aß')
SELECT lower('ÀB')
SELECT initcap('hello wORLD foo-bar')
SELECT length('héllo')
SELECT char_length('abc  ')
SELECT octet_length('é')
SELECT bit_length('a')
SELECT trim('  a ')
SELECT ltrim('  a ')
SELECT rtrim('  a ')
SELECT btrim('xxaxx', 'x')
SELECT trim(both 'x' from 'xxaxx')
SELECT trim(leading 'x' from 'xxaxx')
SELECT lpad('7', 3, '0')
SELECT rpad('7', 3, '0')
SELECT lpad('hello', 2, 'x')
SELECT lpad('a', 5)
SELECT repeat('ab', 3)
SELECT reverse('abc')
SELECT replace('abcabc', 'b', 'X')
SELECT replace('abc', 'b')
SELECT translate('abcd', 'bd', 'xy')
SELECT translate('abcd', 'bd', 'x')
SELECT substring('hello', 2, 3)
SELECT substring('hello', -3, 2)
SELECT substring('hello', 0, 2)
SELECT substr('hello', 2)
SELECT substring('hello' from 2 for 2)
SELECT left('hello', 2)
SELECT right('hello', 2)
SELECT instr('hello', 'l')
SELECT locate('l', 'hello')
SELECT locate('l', 'hello', 4)
SELECT position('l' in 'hello')
SELECT position('l', 'hello')
SELECT substring_index('a.b.c', '.', 2)
SELECT substring_index('a.b.c', '.', -1)
SELECT split('a,b,,c', ',')
SELECT split('a1b2c', '[0-9]')
SELECT split('a,b,c', ',', 2)
SELECT split_part('a.b.c', '.', 2)
SELECT split_part('a.b.c', '.', -1)
SELECT split_part('a.b.c', '.', 5)
SELECT regexp_replace('abc123', '[0-9]+', '#')
SELECT regexp_replace('John Smith', '(\\w+) (\\w+)', '$2 $1')
SELECT regexp_extract('foo-123-bar', '(\\d+)', 1)
SELECT regexp_extract('foo-123', '([a-z]+)-(\\d+)', 2)
SELECT regexp_extract('foo', '(\\d+)', 1)
SELECT regexp_extract_all('a1b22', '(\\d+)', 1)
SELECT regexp_extract_all('a1b22', '\\d+', 0)
SELECT regexp_count('a1b22', '\\d')
SELECT regexp_instr('a1b22', '\\d+')
SELECT regexp_substr('a1b22', '\\d+')
SELECT regexp_like('abc', 'B')
SELECT startswith('abc', 'ab')
SELECT endswith('abc', 'bc')
SELECT contains('abc', 'b')
SELECT ascii('A')
SELECT chr(65)
SELECT char(97)
SELECT md5('a')
SELECT sha1('a')
SELECT sha2('a', 256)
SELECT sha('a')
SELECT crc32('a')
SELECT hash('a', 1)
SELECT xxhash64('a', 1)
SELECT base64('abc')
SELECT unbase64('YWJj')
SELECT cast(unbase64('YWJj') as string)
SELECT encode('abc', 'utf-8')
SELECT decode(encode('abc', 'utf-8'), 'utf-8')
SELECT soundex('Robert')
SELECT levenshtein('kitten', 'sitting')
SELECT format_number(1234567.891, 2)
SELECT format_number(1234567, 0)
SELECT to_char(1234.5, '9,999.99')
SELECT to_number('1,234', '9,999')
SELECT printf('%d', 5)
SELECT space(3)
SELECT overlay('hello' placing 'XX' from 2 for 3)
SELECT find_in_set('b', 'a,b,c')
SELECT elt(2, 'a', 'b')
SELECT sentences('Hi there. Bye.')
SELECT luhn_check('79927398713')
SELECT mask('AbC-123')
SELECT url_encode('a b&c')
SELECT url_decode('a+b%26c')
SELECT parse_url('https://x.org/p?q=1&r=2', 'QUERY', 'r')
SELECT parse_url('https://x.org/p?q=1', 'HOST')
SELECT uuid() is not null
SELECT to_date('2024-03-05')
SELECT to_date('05/03/2024', 'dd/MM/yyyy')
SELECT to_date('20240305', 'yyyyMMdd')
SELECT to_date('Mar 5, 2024', 'MMM d, yyyy')
SELECT to_timestamp('2024-03-05 10:11:12')
SELECT to_timestamp('05.03.2024 10:11', 'dd.MM.yyyy HH:mm')
SELECT to_timestamp('2024-03-05T10:11:12.123Z')
SELECT try_to_timestamp('x')
SELECT try_to_date('x')
SELECT date_format(date'2024-03-05', 'yyyy-MM')
SELECT date_format(timestamp'2024-03-05 15:04:05', 'yyyy-MM-dd HH:mm:ss')
SELECT date_format(timestamp'2024-03-05 15:04:05', 'EEEE, d MMMM yyyy')
SELECT date_format(timestamp'2024-03-05 15:04:05', 'E hh:mm a')
SELECT date_format(timestamp'2024-03-05 15:04:05.678', 'HH:mm:ss.SSS')
SELECT date_format(date'2024-03-05', 'D')
SELECT date_format(date'2024-03-05', 'Q')
SELECT date_format(date'2024-03-05', 'yyyyMMdd')
SELECT date_format(date'2024-03-05', "'Q'q")
SELECT year(date'2024-03-05')
SELECT quarter(date'2024-03-05')
SELECT month(date'2024-03-05')
SELECT day(date'2024-03-05')
SELECT dayofmonth(date'2024-03-05')
SELECT dayofweek(date'2024-03-05')
SELECT weekday(date'2024-03-05')
SELECT dayofyear(date'2024-03-05')
SELECT weekofyear(date'2024-12-30')
SELECT hour(timestamp'2024-03-05 15:04:05')
SELECT minute(timestamp'2024-03-05 15:04:05')
SELECT second(timestamp'2024-03-05 15:04:05.9')
SELECT extract(year from date'2024-03-05')
SELECT extract(dow from date'2024-03-05')
SELECT extract(week from date'2024-03-05')
SELECT date_part('month', date'2024-03-05')
SELECT dayname(date'2024-03-05')
SELECT monthname(date'2024-03-05')
SELECT last_day(date'2024-02-05')
SELECT next_day(date'2024-03-05', 'MON')
SELECT add_months(date'2024-01-31', 1)
SELECT date_add(date'2024-03-05', 30)
SELECT date_sub(date'2024-03-05', 30)
SELECT dateadd(day, 3, date'2024-03-05')
SELECT dateadd(month, 1, date'2024-01-31')
SELECT date_add(month, 1, date'2024-01-31')
SELECT dateadd(hour, 3, timestamp'2024-03-05 00:00:00')
SELECT timestampadd(minute, 90, timestamp'2024-03-05 00:00:00')
SELECT datediff(date'2024-03-05', date'2024-03-01')
SELECT datediff(day, date'2024-03-01', date'2024-03-05')
SELECT datediff(month, date'2024-01-31', date'2024-03-01')
SELECT date_diff(date'2024-03-05', date'2024-03-01')
SELECT timestampdiff(hour, timestamp'2024-03-05 00:00:00', timestamp'2024-03-06 12:30:00')
SELECT months_between(date'2024-03-31', date'2024-02-29')
SELECT months_between(timestamp'2024-03-31 12:00:00', timestamp'2024-01-15 00:00:00')
SELECT date'2024-03-05' + interval 1 month
SELECT date'2024-03-05' + 1
SELECT date'2024-03-05' - 1
SELECT date'2024-03-05' - date'2024-03-01'
SELECT timestamp'2024-03-05 00:00:00' + interval 90 minutes
SELECT timestamp'2024-03-05 00:00:00' - interval '1' day
SELECT timestamp'2024-03-05 00:00:00' - timestamp'2024-03-04 12:00:00'
SELECT interval 3 days
SELECT make_date(2024, 2, 29)
SELECT make_timestamp(2024, 2, 29, 1, 2, 3.5)
SELECT trunc(date'2024-03-05', 'MM')
SELECT trunc(date'2024-03-05', 'year')
SELECT trunc(date'2024-03-05', 'week')
SELECT trunc(date'2024-03-05', 'quarter')
SELECT date_trunc('hour', timestamp'2024-03-05 15:04:05')
SELECT date_trunc('MONTH', date'2024-03-05')
SELECT date_trunc('week', timestamp'2024-03-05 15:04:05')
SELECT unix_timestamp('2024-03-05 00:00:00')
SELECT unix_timestamp('2024-03-05', 'yyyy-MM-dd')
SELECT unix_timestamp(timestamp'2024-03-05 00:00:00')
SELECT from_unixtime(1709596800)
SELECT from_unixtime(1709596800, 'yyyy-MM-dd')
SELECT to_unix_timestamp('2024-03-05 00:00:00')
SELECT timestamp_seconds(1709596800)
SELECT timestamp_millis(1709596800123)
SELECT timestamp_micros(1709596800123456)
SELECT unix_date(date'2024-03-05')
SELECT date_from_unix_date(19787)
SELECT unix_millis(timestamp'2024-03-05 00:00:00')
SELECT unix_seconds(timestamp'2024-03-05 00:00:00')
SELECT from_utc_timestamp(timestamp'2024-03-05 00:00:00', 'America/New_York')
SELECT to_utc_timestamp(timestamp'2024-03-05 00:00:00', 'Europe/Berlin')
SELECT convert_timezone('UTC', 'Asia/Tokyo', timestamp_ntz'2024-03-05 00:00:00')
SELECT current_timezone()
SELECT array(1, 2, 3)
SELECT array()
SELECT size(array(1, 2))
SELECT size(null)
SELECT cardinality(array(1))
SELECT array(1, 2, 3)[0]
SELECT element_at(array(1, 2, 3), 1)
SELECT element_at(array(1, 2, 3), -1)
SELECT try_element_at(array(1), 5)
SELECT get(array(1), 5)
SELECT element_at(map('a', 1), 'b')
SELECT map('a', 1)['a']
SELECT map('a', 1)['b']
SELECT map('a', 1, 'b', 2)
SELECT map_keys(map('a', 1, 'b', 2))
SELECT map_values(map('a', 1, 'b', 2))
SELECT map_entries(map('a', 1))
SELECT map_concat(map('a', 1), map('b', 2))
SELECT map_from_arrays(array('a'), array(1))
SELECT map_from_entries(array(struct('a', 1)))
SELECT map_contains_key(map('a', 1), 'a')
SELECT map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1)
SELECT transform_values(map('a', 1), (k, v) -> v + 1)
SELECT transform_keys(map('a', 1), (k, v) -> upper(k))
SELECT str_to_map('a:1,b:2')
SELECT str_to_map('a=1;b=2', ';', '=')
SELECT array_contains(array(1, 2), 2)
SELECT array_position(array('a', 'b'), 'b')
SELECT array_distinct(array(1, 1, 2))
SELECT array_sort(array(3, null, 1))
SELECT sort_array(array(3, null, 1))
SELECT sort_array(array(3, null, 1), false)
SELECT array_sort(array(3, 1, 2), (a, b) -> b - a)
SELECT array_max(array(1, null, 3))
SELECT array_min(array(1, null, 3))
SELECT array_join(array('a', null, 'b'), ',')
SELECT array_join(array('a', null, 'b'), ',', '?')
SELECT array_union(array(1, 2), array(2, 3))
SELECT array_intersect(array(1, 2), array(2, 3))
SELECT array_except(array(1, 2), array(2, 3))
SELECT arrays_overlap(array(1, 2), array(2, 3))
SELECT arrays_zip(array(1, 2), array('a', 'b'))
SELECT array_remove(array(1, 2, 1), 1)
SELECT array_repeat('a', 3)
SELECT array_append(array(1), 2)
SELECT array_prepend(array(1), 0)
SELECT array_insert(array(1, 3), 2, 2)
SELECT array_compact(array(1, null, 2))
SELECT array_size(array(1))
SELECT flatten(array(array(1), array(2, 3)))
SELECT slice(array(1, 2, 3, 4), 2, 2)
SELECT slice(array(1, 2, 3, 4), -2, 2)
SELECT reverse(array(1, 2))
SELECT concat(array(1), array(2))
SELECT sequence(1, 5)
SELECT sequence(5, 1, -2)
SELECT sequence(date'2024-01-01', date'2024-01-03')
SELECT sequence(date'2024-01-01', date'2024-03-01', interval 1 month)
SELECT shuffle(array(1)) = array(1)
SELECT transform(array(1, 2), x -> x * 10)
SELECT transform(array(1, 2), (x, i) -> x + i)
SELECT filter(array(1, 2, 3), x -> x > 1)
SELECT exists(array(1, 2), x -> x = 2)
SELECT forall(array(1, 2), x -> x > 0)
SELECT aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x)
SELECT aggregate(array(1, 2, 3), 0, (acc, x) -> acc + x, acc -> acc * 10)
SELECT reduce(array(1, 2, 3), 0, (acc, x) -> acc + x)
SELECT zip_with(array(1, 2), array(3, 4), (x, y) -> x + y)
SELECT named_struct('a', 1, 'b', 'x')
SELECT struct(1, 'a')
SELECT struct(1 as a, 'b' as c)
SELECT named_struct('a', 1).a
SELECT struct(1 as a).a
SELECT to_json(named_struct('a', 1, 'b', null))
SELECT to_json(map('a', 1))
SELECT to_json(array(1, 2))
SELECT to_json(named_struct('d', date'2024-01-01', 't', timestamp'2024-01-01 00:00:00'))
SELECT to_json(named_struct('x', 1.5, 'y', true, 'z', array(struct(1 as k))))
SELECT from_json('{"a":1,"b":"x"}', 'a INT, b STRING')
SELECT from_json('{"a":1', 'a INT')
SELECT from_json('{"a":{"b":[1,2]}}', 'a STRUCT<b: ARRAY<INT>>')
SELECT from_json('[{"a":1},{"a":2}]', 'ARRAY<STRUCT<a: INT>>')
SELECT from_json('{"a":1,"b":2}', 'MAP<STRING, INT>')
SELECT from_json('{"d":"2024-01-01","t":"2024-01-01T10:00:00Z"}', 'd DATE, t TIMESTAMP')
SELECT from_json('{"a":"1"}', 'a INT')
SELECT from_json('{"a":1.0}', 'a INT')
SELECT get_json_object('{"a":{"b":1}}', '$.a.b')
SELECT get_json_object('{"a":[1,2]}', '$.a[1]')
SELECT get_json_object('{"a":[1,2]}', '$.a')
SELECT get_json_object('{"a":"x"}', '$.b')
SELECT json_array_length('[1,2,3]')
SELECT json_object_keys('{"a":1,"b":2}')
SELECT schema_of_json('{"a":1,"b":[1.5]}')
SELECT from_csv('1,a', 'x INT, y STRING')
SELECT to_csv(named_struct('a', 1, 'b', 'x'))
SELECT bit_count(7)
SELECT 1 & 3
SELECT 1 | 2
SELECT 5 ^ 1
SELECT ~1
SELECT shiftleft(1, 3)
SELECT shiftright(8, 2)
SELECT getbit(5, 0)
SELECT current_user() is not null
SELECT current_catalog() is not null
SELECT monotonically_increasing_id()
SELECT spark_partition_id()
SELECT input_file_name()
SELECT version() is not null
SELECT 1 as `my col`
SELECT 'x' as X
SELECT cast(1 as tinyint)
SELECT cast(300 as smallint)
SELECT 1L
SELECT 1S
SELECT 1.5D
SELECT 1.5BD
SELECT 1e3
SELECT X'1F'
SELECT 'tab\tnew\nline'
SELECT r'a\b'
SELECT "double"
SELECT cast(null as string)
SELECT null
SELECT true
SELECT cast('2024-03-05' as timestamp) > date'2024-03-04'
SELECT date'2024-03-05' > '2024-03-04'
SELECT '2024-03-05' between date'2024-03-01' and date'2024-03-31'
SELECT '10' > 9
SELECT 'abc' > 'abd'
SELECT 'a' = 'a '
SELECT cast('a' as char(3))
SELECT cast(1 as decimal(38, 10)) / 3
SELECT cast(1 as decimal(10, 2)) / cast(3 as decimal(10, 2))
SELECT cast(10.5 as decimal(10, 2)) * cast(3.25 as decimal(10, 2))
SELECT cast(5 as decimal(5, 1)) % 3
SELECT 1000000 * 1000000L
SELECT 2147483647 + 1L
SELECT 0.1 + 0.2
SELECT 0.1D + 0.2D
SELECT 1 / 3
SELECT cast(1 as float) / 3
SELECT round(cast(2.345 as decimal(10,3)), 2)
SELECT round(2.345D, 2)
SELECT round(0.285D, 2)
SELECT cast(1.0E7 as string)
SELECT cast(123456789.0D as string)
SELECT cast(0.001D as string)
SELECT cast(1e21 as string)
SELECT cast(cast(3.0 as float) as string)
SELECT cast(double('inf') as string)
SELECT concat(1.0D, '')
SELECT concat(date'2024-01-01', '')
SELECT concat(true, '')
SELECT concat(cast(1.50 as decimal(5,2)), '')
SELECT cast(array(1, null) as string)
SELECT cast(map('a', 1) as string)
SELECT cast(named_struct('a', 1, 'b', null) as string)
SELECT cast(interval 3 days as string)
SELECT cast(timestamp'2024-01-01 00:00:00' - timestamp'2023-12-31 00:00:00' as string)
SELECT to_varchar(date'2024-01-01', 'yyyy')
SELECT try_to_number('x', '999')
SELECT try_subtract(1, 2)
SELECT try_multiply(2, 3)
-- The same expressions over columns
SELECT c1 + c2 AS r FROM VALUES (1, 1) AS s(c1, c2)
SELECT c1 / c2 AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT c1 div c2 AS r FROM VALUES (7, 2) AS s(c1, c2)
SELECT -c1 % c2 AS r FROM VALUES (7, 3) AS s(c1, c2)
SELECT mod(-c1, c2) AS r FROM VALUES (7, 3) AS s(c1, c2)
SELECT pmod(-c1, c2) AS r FROM VALUES (7, 3) AS s(c1, c2)
SELECT c1 * c2 AS r FROM VALUES (1.5, 2) AS s(c1, c2)
SELECT c1 + c2 AS r FROM VALUES (1.10, 2) AS s(c1, c2)
SELECT c1 / c2 AS r FROM VALUES (10, 3.0) AS s(c1, c2)
SELECT cast(c1 as decimal(10,2)) AS r FROM VALUES (1.005) AS s(c1)
SELECT round(c1) AS r FROM VALUES (2.5) AS s(c1)
SELECT round(-c1) AS r FROM VALUES (2.5) AS s(c1)
SELECT bround(c1) AS r FROM VALUES (2.5) AS s(c1)
SELECT ceil(c1) AS r FROM VALUES (1.2) AS s(c1)
SELECT ceiling(-c1) AS r FROM VALUES (1.2) AS s(c1)
SELECT floor(-c1) AS r FROM VALUES (1.2) AS s(c1)
SELECT sqrt(c1) AS r FROM VALUES (16) AS s(c1)
SELECT pow(c1, c2) AS r FROM VALUES (2, 10) AS s(c1, c2)
SELECT power(c1, c2) AS r FROM VALUES (2, 0.5) AS s(c1, c2)
SELECT exp(c1) AS r FROM VALUES (0) AS s(c1)
SELECT ln(c1) AS r FROM VALUES (1) AS s(c1)
SELECT log(c1, c2) AS r FROM VALUES (10, 100) AS s(c1, c2)
SELECT log10(c1) AS r FROM VALUES (1000) AS s(c1)
SELECT log2(c1) AS r FROM VALUES (8) AS s(c1)
SELECT abs(-c1) AS r FROM VALUES (5) AS s(c1)
SELECT sign(-c1) AS r FROM VALUES (3) AS s(c1)
SELECT signum(c1) AS r FROM VALUES (2.0) AS s(c1)
SELECT greatest(c1, null, c2) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT least(c1, null, c2) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT hex(c1) AS r FROM VALUES (255) AS s(c1)
SELECT unhex(c1) AS r FROM VALUES ('FF') AS s(c1)
SELECT bin(c1) AS r FROM VALUES (13) AS s(c1)
SELECT conv(c1, c2, c3) AS r FROM VALUES ('ff', 16, 10) AS s(c1, c2, c3)
SELECT factorial(c1) AS r FROM VALUES (5) AS s(c1)
SELECT cbrt(c1) AS r FROM VALUES (27) AS s(c1)
SELECT sin(c1) AS r FROM VALUES (0) AS s(c1)
SELECT radians(c1) AS r FROM VALUES (180) AS s(c1)
SELECT hypot(c1, c2) AS r FROM VALUES (3, 4) AS s(c1, c2)
SELECT width_bucket(c1, c2, c3, c4) AS r FROM VALUES (5.3, 0.2, 10.6, 5) AS s(c1, c2, c3, c4)
SELECT try_divide(c1, c2) AS r FROM VALUES (1, 0) AS s(c1, c2)
SELECT try_add(c1, c2) AS r FROM VALUES (2147483647, 1) AS s(c1, c2)
SELECT try_cast(c1 as int) AS r FROM VALUES ('x') AS s(c1)
SELECT cast(c1 as int) AS r FROM VALUES ('12') AS s(c1)
SELECT cast(c1 as int) AS r FROM VALUES (' 12 ') AS s(c1)
SELECT cast(c1 as double) AS r FROM VALUES ('1.5') AS s(c1)
SELECT cast(c1 as int) AS r FROM VALUES (1.9) AS s(c1)
SELECT cast(-c1 as int) AS r FROM VALUES (1.9) AS s(c1)
SELECT cast(c1 as boolean) AS r FROM VALUES ('true') AS s(c1)
SELECT cast(c1 as boolean) AS r FROM VALUES ('yes') AS s(c1)
SELECT cast(c1 as boolean) AS r FROM VALUES (0) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (1) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (1.0) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (1e10) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (1e-5) AS s(c1)
SELECT cast(c1 as float) AS r FROM VALUES (0.1) AS s(c1)
SELECT cast(cast(c1 as float) as double) AS r FROM VALUES (0.1) AS s(c1)
SELECT cast(cast(c1 as decimal(5,2)) as string) AS r FROM VALUES (1.10) AS s(c1)
SELECT cast(c1 as date) AS r FROM VALUES ('2024-01-31') AS s(c1)
SELECT cast(c1 as date) AS r FROM VALUES ('2024-1-3') AS s(c1)
SELECT cast(c1 as timestamp) AS r FROM VALUES ('2024-01-31 12:34:56') AS s(c1)
SELECT cast(c1 as timestamp) AS r FROM VALUES ('2024-01-31T12:34:56Z') AS s(c1)
SELECT cast(c1 as timestamp) AS r FROM VALUES ('2024-01-31T12:34:56+02:00') AS s(c1)
SELECT cast(c1 as timestamp) AS r FROM VALUES (1700000000) AS s(c1)
SELECT double(c1) AS r FROM VALUES (1) AS s(c1)
SELECT int(c1) AS r FROM VALUES ('3') AS s(c1)
SELECT string(c1) AS r FROM VALUES (5) AS s(c1)
SELECT date(c1) AS r FROM VALUES ('2024-02-29') AS s(c1)
SELECT timestamp(c1) AS r FROM VALUES ('2024-02-29 01:02:03') AS s(c1)
SELECT bigint(c1) AS r FROM VALUES (2) AS s(c1)
SELECT boolean(c1) AS r FROM VALUES ('f') AS s(c1)
SELECT float(c1) AS r FROM VALUES (1.5) AS s(c1)
SELECT decimal(c1) AS r FROM VALUES (3) AS s(c1)
SELECT c1 = c2 AS r FROM VALUES (1, 1.0) AS s(c1, c2)
SELECT c1 = c2 AS r FROM VALUES ('1', 1) AS s(c1, c2)
SELECT c1 <=> null AS r FROM VALUES (1) AS s(c1)
SELECT c1 in (c2, c3, null) AS r FROM VALUES (1, 1, 2) AS s(c1, c2, c3)
SELECT c1 in (c2, c3, null) AS r FROM VALUES (3, 1, 2) AS s(c1, c2, c3)
SELECT c1 like c2 AS r FROM VALUES ('a', 'A') AS s(c1, c2)
SELECT c1 ilike c2 AS r FROM VALUES ('a', 'A') AS s(c1, c2)
SELECT c1 rlike c2 AS r FROM VALUES ('abc', '^a.c$') AS s(c1, c2)
SELECT c1 regexp c2 AS r FROM VALUES ('abc', 'b') AS s(c1, c2)
SELECT c1 like c2 AS r FROM VALUES ('a_c', 'a\_c') AS s(c1, c2)
SELECT c1 like any (c2, c3) AS r FROM VALUES ('abc', 'a%', 'z%') AS s(c1, c2, c3)
SELECT c1 between c2 and c3 AS r FROM VALUES (5, 1, 10) AS s(c1, c2, c3)
SELECT if(c1 > c2, c3, c4) AS r FROM VALUES (1, 2, 'a', 'b') AS s(c1, c2, c3, c4)
SELECT nvl(null, c1) AS r FROM VALUES (1) AS s(c1)
SELECT nvl2(null, c1, c2) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT ifnull(null, c1) AS r FROM VALUES (3) AS s(c1)
SELECT nullif(c1, c2) AS r FROM VALUES (1, 1) AS s(c1, c2)
SELECT coalesce(null, null, c1) AS r FROM VALUES ('x') AS s(c1)
SELECT case when c1 = c2 then c3 when c4 = c5 then c6 else c7 end AS r FROM VALUES (1, 2, 'a', 2, 2, 'b', 'c') AS s(c1, c2, c3, c4, c5, c6, c7)
SELECT case c1 when c2 then c3 end AS r FROM VALUES (1, 1, 'x') AS s(c1, c2, c3)
SELECT decode(c1, c2, c3, c4, c5, c6) AS r FROM VALUES (2, 1, 'a', 2, 'b', 'c') AS s(c1, c2, c3, c4, c5, c6)
SELECT isnotnull(c1) AS r FROM VALUES (1) AS s(c1)
SELECT isnan(double(c1)) AS r FROM VALUES ('nan') AS s(c1)
SELECT nanvl(double(c1), c2) AS r FROM VALUES ('nan', 5) AS s(c1, c2)
SELECT nullifzero(c1) AS r FROM VALUES (0) AS s(c1)
SELECT concat(c1, c2, c3) AS r FROM VALUES ('a', 'b', 'c') AS s(c1, c2, c3)
SELECT concat(c1, null) AS r FROM VALUES ('a') AS s(c1)
SELECT concat_ws(c1, c2, null, c3) AS r FROM VALUES ('-', 'a', 'b') AS s(c1, c2, c3)
SELECT concat_ws(c1, array(c2, c3), c4) AS r FROM VALUES (',', 'x', 'y', 'z') AS s(c1, c2, c3, c4)
SELECT c1 || c2 || c3 AS r FROM VALUES ('a', 'b', 1) AS s(c1, c2, c3)
SELECT upper(c1) AS r FROM VALUES ('aß') AS s(c1)
SELECT lower(c1) AS r FROM VALUES ('ÀB') AS s(c1)
SELECT initcap(c1) AS r FROM VALUES ('hello wORLD foo-bar') AS s(c1)
SELECT length(c1) AS r FROM VALUES ('héllo') AS s(c1)
SELECT char_length(c1) AS r FROM VALUES ('abc  ') AS s(c1)
SELECT octet_length(c1) AS r FROM VALUES ('é') AS s(c1)
SELECT bit_length(c1) AS r FROM VALUES ('a') AS s(c1)
SELECT trim(c1) AS r FROM VALUES ('  a ') AS s(c1)
SELECT ltrim(c1) AS r FROM VALUES ('  a ') AS s(c1)
SELECT rtrim(c1) AS r FROM VALUES ('  a ') AS s(c1)
SELECT btrim(c1, c2) AS r FROM VALUES ('xxaxx', 'x') AS s(c1, c2)
SELECT trim(both c1 from c2) AS r FROM VALUES ('x', 'xxaxx') AS s(c1, c2)
SELECT trim(leading c1 from c2) AS r FROM VALUES ('x', 'xxaxx') AS s(c1, c2)
SELECT lpad(c1, c2, c3) AS r FROM VALUES ('7', 3, '0') AS s(c1, c2, c3)
SELECT rpad(c1, c2, c3) AS r FROM VALUES ('7', 3, '0') AS s(c1, c2, c3)
SELECT lpad(c1, c2, c3) AS r FROM VALUES ('hello', 2, 'x') AS s(c1, c2, c3)
SELECT lpad(c1, c2) AS r FROM VALUES ('a', 5) AS s(c1, c2)
SELECT repeat(c1, c2) AS r FROM VALUES ('ab', 3) AS s(c1, c2)
SELECT reverse(c1) AS r FROM VALUES ('abc') AS s(c1)
SELECT replace(c1, c2, c3) AS r FROM VALUES ('abcabc', 'b', 'X') AS s(c1, c2, c3)
SELECT replace(c1, c2) AS r FROM VALUES ('abc', 'b') AS s(c1, c2)
SELECT translate(c1, c2, c3) AS r FROM VALUES ('abcd', 'bd', 'xy') AS s(c1, c2, c3)
SELECT translate(c1, c2, c3) AS r FROM VALUES ('abcd', 'bd', 'x') AS s(c1, c2, c3)
SELECT substring(c1, c2, c3) AS r FROM VALUES ('hello', 2, 3) AS s(c1, c2, c3)
SELECT substring(c1, -c2, c3) AS r FROM VALUES ('hello', 3, 2) AS s(c1, c2, c3)
SELECT substring(c1, c2, c3) AS r FROM VALUES ('hello', 0, 2) AS s(c1, c2, c3)
SELECT substr(c1, c2) AS r FROM VALUES ('hello', 2) AS s(c1, c2)
SELECT substring(c1 from c2 for c3) AS r FROM VALUES ('hello', 2, 2) AS s(c1, c2, c3)
SELECT left(c1, c2) AS r FROM VALUES ('hello', 2) AS s(c1, c2)
SELECT right(c1, c2) AS r FROM VALUES ('hello', 2) AS s(c1, c2)
SELECT instr(c1, c2) AS r FROM VALUES ('hello', 'l') AS s(c1, c2)
SELECT locate(c1, c2) AS r FROM VALUES ('l', 'hello') AS s(c1, c2)
SELECT locate(c1, c2, c3) AS r FROM VALUES ('l', 'hello', 4) AS s(c1, c2, c3)
SELECT position(c1 in c2) AS r FROM VALUES ('l', 'hello') AS s(c1, c2)
SELECT position(c1, c2) AS r FROM VALUES ('l', 'hello') AS s(c1, c2)
SELECT substring_index(c1, c2, c3) AS r FROM VALUES ('a.b.c', '.', 2) AS s(c1, c2, c3)
SELECT substring_index(c1, c2, -c3) AS r FROM VALUES ('a.b.c', '.', 1) AS s(c1, c2, c3)
SELECT split(c1, c2) AS r FROM VALUES ('a,b,,c', ',') AS s(c1, c2)
SELECT split(c1, c2) AS r FROM VALUES ('a1b2c', '[0-9]') AS s(c1, c2)
SELECT split(c1, c2, c3) AS r FROM VALUES ('a,b,c', ',', 2) AS s(c1, c2, c3)
SELECT split_part(c1, c2, c3) AS r FROM VALUES ('a.b.c', '.', 2) AS s(c1, c2, c3)
SELECT split_part(c1, c2, -c3) AS r FROM VALUES ('a.b.c', '.', 1) AS s(c1, c2, c3)
SELECT split_part(c1, c2, c3) AS r FROM VALUES ('a.b.c', '.', 5) AS s(c1, c2, c3)
SELECT regexp_replace(c1, c2, c3) AS r FROM VALUES ('abc123', '[0-9]+', '#') AS s(c1, c2, c3)
SELECT regexp_replace(c1, c2, c3) AS r FROM VALUES ('John Smith', '(\\w+) (\\w+)', '$2 $1') AS s(c1, c2, c3)
SELECT regexp_extract(c1, c2, c3) AS r FROM VALUES ('foo-123-bar', '(\\d+)', 1) AS s(c1, c2, c3)
SELECT regexp_extract(c1, c2, c3) AS r FROM VALUES ('foo-123', '([a-z]+)-(\\d+)', 2) AS s(c1, c2, c3)
SELECT regexp_extract(c1, c2, c3) AS r FROM VALUES ('foo', '(\\d+)', 1) AS s(c1, c2, c3)
SELECT regexp_extract_all(c1, c2, c3) AS r FROM VALUES ('a1b22', '(\\d+)', 1) AS s(c1, c2, c3)
SELECT regexp_extract_all(c1, c2, c3) AS r FROM VALUES ('a1b22', '\\d+', 0) AS s(c1, c2, c3)
SELECT regexp_count(c1, c2) AS r FROM VALUES ('a1b22', '\\d') AS s(c1, c2)
SELECT regexp_instr(c1, c2) AS r FROM VALUES ('a1b22', '\\d+') AS s(c1, c2)
SELECT regexp_substr(c1, c2) AS r FROM VALUES ('a1b22', '\\d+') AS s(c1, c2)
SELECT regexp_like(c1, c2) AS r FROM VALUES ('abc', 'B') AS s(c1, c2)
SELECT startswith(c1, c2) AS r FROM VALUES ('abc', 'ab') AS s(c1, c2)
SELECT endswith(c1, c2) AS r FROM VALUES ('abc', 'bc') AS s(c1, c2)
SELECT contains(c1, c2) AS r FROM VALUES ('abc', 'b') AS s(c1, c2)
SELECT ascii(c1) AS r FROM VALUES ('A') AS s(c1)
SELECT chr(c1) AS r FROM VALUES (65) AS s(c1)
SELECT char(c1) AS r FROM VALUES (97) AS s(c1)
SELECT md5(c1) AS r FROM VALUES ('a') AS s(c1)
SELECT sha1(c1) AS r FROM VALUES ('a') AS s(c1)
SELECT sha2(c1, c2) AS r FROM VALUES ('a', 256) AS s(c1, c2)
SELECT sha(c1) AS r FROM VALUES ('a') AS s(c1)
SELECT crc32(c1) AS r FROM VALUES ('a') AS s(c1)
SELECT hash(c1, c2) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT xxhash64(c1, c2) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT base64(c1) AS r FROM VALUES ('abc') AS s(c1)
SELECT unbase64(c1) AS r FROM VALUES ('YWJj') AS s(c1)
SELECT cast(unbase64(c1) as string) AS r FROM VALUES ('YWJj') AS s(c1)
SELECT encode(c1, c2) AS r FROM VALUES ('abc', 'utf-8') AS s(c1, c2)
SELECT decode(encode(c1, c2), c3) AS r FROM VALUES ('abc', 'utf-8', 'utf-8') AS s(c1, c2, c3)
SELECT soundex(c1) AS r FROM VALUES ('Robert') AS s(c1)
SELECT levenshtein(c1, c2) AS r FROM VALUES ('kitten', 'sitting') AS s(c1, c2)
SELECT format_number(c1, c2) AS r FROM VALUES (1234567.891, 2) AS s(c1, c2)
SELECT format_number(c1, c2) AS r FROM VALUES (1234567, 0) AS s(c1, c2)
SELECT printf(c1, c2) AS r FROM VALUES ('%d', 5) AS s(c1, c2)
SELECT space(c1) AS r FROM VALUES (3) AS s(c1)
SELECT overlay(c1 placing c2 from c3 for c4) AS r FROM VALUES ('hello', 'XX', 2, 3) AS s(c1, c2, c3, c4)
SELECT find_in_set(c1, c2) AS r FROM VALUES ('b', 'a,b,c') AS s(c1, c2)
SELECT elt(c1, c2, c3) AS r FROM VALUES (2, 'a', 'b') AS s(c1, c2, c3)
SELECT sentences(c1) AS r FROM VALUES ('Hi there. Bye.') AS s(c1)
SELECT luhn_check(c1) AS r FROM VALUES ('79927398713') AS s(c1)
SELECT mask(c1) AS r FROM VALUES ('AbC-123') AS s(c1)
SELECT url_encode(c1) AS r FROM VALUES ('a b&c') AS s(c1)
SELECT url_decode(c1) AS r FROM VALUES ('a+b%26c') AS s(c1)
SELECT parse_url(c1, c2, c3) AS r FROM VALUES ('https://x.org/p?q=1&r=2', 'QUERY', 'r') AS s(c1, c2, c3)
SELECT parse_url(c1, c2) AS r FROM VALUES ('https://x.org/p?q=1', 'HOST') AS s(c1, c2)
SELECT to_date(c1) AS r FROM VALUES ('2024-03-05') AS s(c1)
SELECT to_date(c1, c2) AS r FROM VALUES ('05/03/2024', 'dd/MM/yyyy') AS s(c1, c2)
SELECT to_date(c1, c2) AS r FROM VALUES ('20240305', 'yyyyMMdd') AS s(c1, c2)
SELECT to_date(c1, c2) AS r FROM VALUES ('Mar 5, 2024', 'MMM d, yyyy') AS s(c1, c2)
SELECT to_timestamp(c1) AS r FROM VALUES ('2024-03-05 10:11:12') AS s(c1)
SELECT to_timestamp(c1, c2) AS r FROM VALUES ('05.03.2024 10:11', 'dd.MM.yyyy HH:mm') AS s(c1, c2)
SELECT to_timestamp(c1) AS r FROM VALUES ('2024-03-05T10:11:12.123Z') AS s(c1)
SELECT try_to_timestamp(c1) AS r FROM VALUES ('x') AS s(c1)
SELECT try_to_date(c1) AS r FROM VALUES ('x') AS s(c1)
SELECT date_format(date'2024-03-05', c1) AS r FROM VALUES ('yyyy-MM') AS s(c1)
SELECT date_format(timestamp'2024-03-05 15:04:05', c1) AS r FROM VALUES ('yyyy-MM-dd HH:mm:ss') AS s(c1)
SELECT date_format(timestamp'2024-03-05 15:04:05', c1) AS r FROM VALUES ('EEEE, d MMMM yyyy') AS s(c1)
SELECT date_format(timestamp'2024-03-05 15:04:05', c1) AS r FROM VALUES ('E hh:mm a') AS s(c1)
SELECT date_format(timestamp'2024-03-05 15:04:05.678', c1) AS r FROM VALUES ('HH:mm:ss.SSS') AS s(c1)
SELECT date_format(date'2024-03-05', c1) AS r FROM VALUES ('D') AS s(c1)
SELECT date_format(date'2024-03-05', c1) AS r FROM VALUES ('Q') AS s(c1)
SELECT date_format(date'2024-03-05', c1) AS r FROM VALUES ('yyyyMMdd') AS s(c1)
SELECT next_day(date'2024-03-05', c1) AS r FROM VALUES ('MON') AS s(c1)
SELECT add_months(date'2024-01-31', c1) AS r FROM VALUES (1) AS s(c1)
SELECT date_add(date'2024-03-05', c1) AS r FROM VALUES (30) AS s(c1)
SELECT date_sub(date'2024-03-05', c1) AS r FROM VALUES (30) AS s(c1)
SELECT dateadd(day, c1, date'2024-03-05') AS r FROM VALUES (3) AS s(c1)
SELECT dateadd(month, c1, date'2024-01-31') AS r FROM VALUES (1) AS s(c1)
SELECT date_add(month, c1, date'2024-01-31') AS r FROM VALUES (1) AS s(c1)
SELECT dateadd(hour, c1, timestamp'2024-03-05 00:00:00') AS r FROM VALUES (3) AS s(c1)
SELECT timestampadd(minute, c1, timestamp'2024-03-05 00:00:00') AS r FROM VALUES (90) AS s(c1)
SELECT date'2024-03-05' + c1 AS r FROM VALUES (1) AS s(c1)
SELECT date'2024-03-05' - c1 AS r FROM VALUES (1) AS s(c1)
SELECT make_date(c1, c2, c3) AS r FROM VALUES (2024, 2, 29) AS s(c1, c2, c3)
SELECT make_timestamp(c1, c2, c3, c4, c5, c6) AS r FROM VALUES (2024, 2, 29, 1, 2, 3.5) AS s(c1, c2, c3, c4, c5, c6)
SELECT trunc(date'2024-03-05', c1) AS r FROM VALUES ('MM') AS s(c1)
SELECT trunc(date'2024-03-05', c1) AS r FROM VALUES ('year') AS s(c1)
SELECT trunc(date'2024-03-05', c1) AS r FROM VALUES ('week') AS s(c1)
SELECT trunc(date'2024-03-05', c1) AS r FROM VALUES ('quarter') AS s(c1)
SELECT date_trunc(c1, timestamp'2024-03-05 15:04:05') AS r FROM VALUES ('hour') AS s(c1)
SELECT date_trunc(c1, date'2024-03-05') AS r FROM VALUES ('MONTH') AS s(c1)
SELECT date_trunc(c1, timestamp'2024-03-05 15:04:05') AS r FROM VALUES ('week') AS s(c1)
SELECT unix_timestamp(c1) AS r FROM VALUES ('2024-03-05 00:00:00') AS s(c1)
SELECT unix_timestamp(c1, c2) AS r FROM VALUES ('2024-03-05', 'yyyy-MM-dd') AS s(c1, c2)
SELECT from_unixtime(c1) AS r FROM VALUES (1709596800) AS s(c1)
SELECT from_unixtime(c1, c2) AS r FROM VALUES (1709596800, 'yyyy-MM-dd') AS s(c1, c2)
SELECT to_unix_timestamp(c1) AS r FROM VALUES ('2024-03-05 00:00:00') AS s(c1)
SELECT timestamp_seconds(c1) AS r FROM VALUES (1709596800) AS s(c1)
SELECT timestamp_millis(c1) AS r FROM VALUES (1709596800123) AS s(c1)
SELECT timestamp_micros(c1) AS r FROM VALUES (1709596800123456) AS s(c1)
SELECT date_from_unix_date(c1) AS r FROM VALUES (19787) AS s(c1)
SELECT from_utc_timestamp(timestamp'2024-03-05 00:00:00', c1) AS r FROM VALUES ('America/New_York') AS s(c1)
SELECT to_utc_timestamp(timestamp'2024-03-05 00:00:00', c1) AS r FROM VALUES ('Europe/Berlin') AS s(c1)
SELECT convert_timezone(c1, c2, timestamp_ntz'2024-03-05 00:00:00') AS r FROM VALUES ('UTC', 'Asia/Tokyo') AS s(c1, c2)
SELECT array(c1, c2, c3) AS r FROM VALUES (1, 2, 3) AS s(c1, c2, c3)
SELECT size(array(c1, c2)) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT cardinality(array(c1)) AS r FROM VALUES (1) AS s(c1)
SELECT array(c1, c2, c3)[c4] AS r FROM VALUES (1, 2, 3, 0) AS s(c1, c2, c3, c4)
SELECT element_at(array(c1, c2, c3), c4) AS r FROM VALUES (1, 2, 3, 1) AS s(c1, c2, c3, c4)
SELECT element_at(array(c1, c2, c3), -c4) AS r FROM VALUES (1, 2, 3, 1) AS s(c1, c2, c3, c4)
SELECT try_element_at(array(c1), c2) AS r FROM VALUES (1, 5) AS s(c1, c2)
SELECT get(array(c1), c2) AS r FROM VALUES (1, 5) AS s(c1, c2)
SELECT element_at(map(c1, c2), c3) AS r FROM VALUES ('a', 1, 'b') AS s(c1, c2, c3)
SELECT map(c1, c2)[c3] AS r FROM VALUES ('a', 1, 'a') AS s(c1, c2, c3)
SELECT map(c1, c2)[c3] AS r FROM VALUES ('a', 1, 'b') AS s(c1, c2, c3)
SELECT map(c1, c2, c3, c4) AS r FROM VALUES ('a', 1, 'b', 2) AS s(c1, c2, c3, c4)
SELECT map_keys(map(c1, c2, c3, c4)) AS r FROM VALUES ('a', 1, 'b', 2) AS s(c1, c2, c3, c4)
SELECT map_values(map(c1, c2, c3, c4)) AS r FROM VALUES ('a', 1, 'b', 2) AS s(c1, c2, c3, c4)
SELECT map_entries(map(c1, c2)) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT map_concat(map(c1, c2), map(c3, c4)) AS r FROM VALUES ('a', 1, 'b', 2) AS s(c1, c2, c3, c4)
SELECT map_from_arrays(array(c1), array(c2)) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT map_from_entries(array(struct(c1, c2))) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT map_contains_key(map(c1, c2), c3) AS r FROM VALUES ('a', 1, 'a') AS s(c1, c2, c3)
SELECT map_filter(map(c1, c2, c3, c4), (k, v) -> v > c5) AS r FROM VALUES ('a', 1, 'b', 2, 1) AS s(c1, c2, c3, c4, c5)
SELECT transform_values(map(c1, c2), (k, v) -> v + c3) AS r FROM VALUES ('a', 1, 1) AS s(c1, c2, c3)
SELECT transform_keys(map(c1, c2), (k, v) -> upper(k)) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT str_to_map(c1) AS r FROM VALUES ('a:1,b:2') AS s(c1)
SELECT str_to_map(c1, c2, c3) AS r FROM VALUES ('a=1;b=2', ';', '=') AS s(c1, c2, c3)
SELECT array_contains(array(c1, c2), c3) AS r FROM VALUES (1, 2, 2) AS s(c1, c2, c3)
SELECT array_position(array(c1, c2), c3) AS r FROM VALUES ('a', 'b', 'b') AS s(c1, c2, c3)
SELECT array_distinct(array(c1, c2, c3)) AS r FROM VALUES (1, 1, 2) AS s(c1, c2, c3)
SELECT array_sort(array(c1, null, c2)) AS r FROM VALUES (3, 1) AS s(c1, c2)
SELECT sort_array(array(c1, null, c2)) AS r FROM VALUES (3, 1) AS s(c1, c2)
SELECT sort_array(array(c1, null, c2), false) AS r FROM VALUES (3, 1) AS s(c1, c2)
SELECT array_sort(array(c1, c2, c3), (a, b) -> b - a) AS r FROM VALUES (3, 1, 2) AS s(c1, c2, c3)
SELECT array_max(array(c1, null, c2)) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT array_min(array(c1, null, c2)) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT array_join(array(c1, null, c2), c3) AS r FROM VALUES ('a', 'b', ',') AS s(c1, c2, c3)
SELECT array_join(array(c1, null, c2), c3, c4) AS r FROM VALUES ('a', 'b', ',', '?') AS s(c1, c2, c3, c4)
SELECT array_union(array(c1, c2), array(c3, c4)) AS r FROM VALUES (1, 2, 2, 3) AS s(c1, c2, c3, c4)
SELECT array_intersect(array(c1, c2), array(c3, c4)) AS r FROM VALUES (1, 2, 2, 3) AS s(c1, c2, c3, c4)
SELECT array_except(array(c1, c2), array(c3, c4)) AS r FROM VALUES (1, 2, 2, 3) AS s(c1, c2, c3, c4)
SELECT arrays_overlap(array(c1, c2), array(c3, c4)) AS r FROM VALUES (1, 2, 2, 3) AS s(c1, c2, c3, c4)
SELECT arrays_zip(array(c1, c2), array(c3, c4)) AS r FROM VALUES (1, 2, 'a', 'b') AS s(c1, c2, c3, c4)
SELECT array_remove(array(c1, c2, c3), c4) AS r FROM VALUES (1, 2, 1, 1) AS s(c1, c2, c3, c4)
SELECT array_repeat(c1, c2) AS r FROM VALUES ('a', 3) AS s(c1, c2)
SELECT array_append(array(c1), c2) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT array_prepend(array(c1), c2) AS r FROM VALUES (1, 0) AS s(c1, c2)
SELECT array_insert(array(c1, c2), c3, c4) AS r FROM VALUES (1, 3, 2, 2) AS s(c1, c2, c3, c4)
SELECT array_compact(array(c1, null, c2)) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT array_size(array(c1)) AS r FROM VALUES (1) AS s(c1)
SELECT flatten(array(array(c1), array(c2, c3))) AS r FROM VALUES (1, 2, 3) AS s(c1, c2, c3)
SELECT slice(array(c1, c2, c3, c4), c5, c6) AS r FROM VALUES (1, 2, 3, 4, 2, 2) AS s(c1, c2, c3, c4, c5, c6)
SELECT slice(array(c1, c2, c3, c4), -c5, c6) AS r FROM VALUES (1, 2, 3, 4, 2, 2) AS s(c1, c2, c3, c4, c5, c6)
SELECT reverse(array(c1, c2)) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT concat(array(c1), array(c2)) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT sequence(c1, c2) AS r FROM VALUES (1, 5) AS s(c1, c2)
SELECT sequence(c1, c2, -c3) AS r FROM VALUES (5, 1, 2) AS s(c1, c2, c3)
SELECT shuffle(array(c1)) = array(c2) AS r FROM VALUES (1, 1) AS s(c1, c2)
SELECT transform(array(c1, c2), x -> x * c3) AS r FROM VALUES (1, 2, 10) AS s(c1, c2, c3)
SELECT transform(array(c1, c2), (x, i) -> x + i) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT filter(array(c1, c2, c3), x -> x > c4) AS r FROM VALUES (1, 2, 3, 1) AS s(c1, c2, c3, c4)
SELECT exists(array(c1, c2), x -> x = c3) AS r FROM VALUES (1, 2, 2) AS s(c1, c2, c3)
SELECT forall(array(c1, c2), x -> x > c3) AS r FROM VALUES (1, 2, 0) AS s(c1, c2, c3)
SELECT aggregate(array(c1, c2, c3), c4, (acc, x) -> acc + x) AS r FROM VALUES (1, 2, 3, 0) AS s(c1, c2, c3, c4)
SELECT aggregate(array(c1, c2, c3), c4, (acc, x) -> acc + x, acc -> acc * c5) AS r FROM VALUES (1, 2, 3, 0, 10) AS s(c1, c2, c3, c4, c5)
SELECT reduce(array(c1, c2, c3), c4, (acc, x) -> acc + x) AS r FROM VALUES (1, 2, 3, 0) AS s(c1, c2, c3, c4)
SELECT zip_with(array(c1, c2), array(c3, c4), (x, y) -> x + y) AS r FROM VALUES (1, 2, 3, 4) AS s(c1, c2, c3, c4)
SELECT struct(c1, c2) AS r FROM VALUES (1, 'a') AS s(c1, c2)
SELECT struct(c1 as a, c2 as c) AS r FROM VALUES (1, 'b') AS s(c1, c2)
SELECT struct(c1 as a).a AS r FROM VALUES (1) AS s(c1)
SELECT to_json(map(c1, c2)) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT to_json(array(c1, c2)) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT get_json_object(c1, c2) AS r FROM VALUES ('{"a":{"b":1}}', '$.a.b') AS s(c1, c2)
SELECT get_json_object(c1, c2) AS r FROM VALUES ('{"a":[1,2]}', '$.a[1]') AS s(c1, c2)
SELECT get_json_object(c1, c2) AS r FROM VALUES ('{"a":[1,2]}', '$.a') AS s(c1, c2)
SELECT get_json_object(c1, c2) AS r FROM VALUES ('{"a":"x"}', '$.b') AS s(c1, c2)
SELECT json_array_length(c1) AS r FROM VALUES ('[1,2,3]') AS s(c1)
SELECT json_object_keys(c1) AS r FROM VALUES ('{"a":1,"b":2}') AS s(c1)
SELECT bit_count(c1) AS r FROM VALUES (7) AS s(c1)
SELECT c1 & c2 AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT c1 | c2 AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT c1 ^ c2 AS r FROM VALUES (5, 1) AS s(c1, c2)
SELECT ~c1 AS r FROM VALUES (1) AS s(c1)
SELECT shiftleft(c1, c2) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT shiftright(c1, c2) AS r FROM VALUES (8, 2) AS s(c1, c2)
SELECT getbit(c1, c2) AS r FROM VALUES (5, 0) AS s(c1, c2)
SELECT cast(c1 as tinyint) AS r FROM VALUES (1) AS s(c1)
SELECT cast(c1 as smallint) AS r FROM VALUES (300) AS s(c1)
SELECT c1 AS r FROM VALUES (1L) AS s(c1)
SELECT c1 AS r FROM VALUES (1S) AS s(c1)
SELECT c1 AS r FROM VALUES (1.5D) AS s(c1)
SELECT c1 AS r FROM VALUES (1.5BD) AS s(c1)
SELECT c1 AS r FROM VALUES (1e3) AS s(c1)
SELECT c1 AS r FROM VALUES ('tab\tnew\nline') AS s(c1)
SELECT cast(c1 as timestamp) > date'2024-03-04' AS r FROM VALUES ('2024-03-05') AS s(c1)
SELECT date'2024-03-05' > c1 AS r FROM VALUES ('2024-03-04') AS s(c1)
SELECT c1 between date'2024-03-01' and date'2024-03-31' AS r FROM VALUES ('2024-03-05') AS s(c1)
SELECT c1 > c2 AS r FROM VALUES ('10', 9) AS s(c1, c2)
SELECT c1 > c2 AS r FROM VALUES ('abc', 'abd') AS s(c1, c2)
SELECT c1 = c2 AS r FROM VALUES ('a', 'a ') AS s(c1, c2)
SELECT cast(c1 as char(3)) AS r FROM VALUES ('a') AS s(c1)
SELECT cast(c1 as decimal(38, 10)) / c2 AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT cast(c1 as decimal(10, 2)) / cast(c2 as decimal(10, 2)) AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT cast(c1 as decimal(10, 2)) * cast(c2 as decimal(10, 2)) AS r FROM VALUES (10.5, 3.25) AS s(c1, c2)
SELECT cast(c1 as decimal(5, 1)) % c2 AS r FROM VALUES (5, 3) AS s(c1, c2)
SELECT c1 * c2 AS r FROM VALUES (1000000, 1000000L) AS s(c1, c2)
SELECT c1 + c2 AS r FROM VALUES (2147483647, 1L) AS s(c1, c2)
SELECT c1 + c2 AS r FROM VALUES (0.1, 0.2) AS s(c1, c2)
SELECT c1 + c2 AS r FROM VALUES (0.1D, 0.2D) AS s(c1, c2)
SELECT c1 / c2 AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT cast(c1 as float) / c2 AS r FROM VALUES (1, 3) AS s(c1, c2)
SELECT cast(c1 as string) AS r FROM VALUES (1.0E7) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (123456789.0D) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (0.001D) AS s(c1)
SELECT cast(c1 as string) AS r FROM VALUES (1e21) AS s(c1)
SELECT cast(cast(c1 as float) as string) AS r FROM VALUES (3.0) AS s(c1)
SELECT cast(double(c1) as string) AS r FROM VALUES ('inf') AS s(c1)
SELECT concat(c1, c2) AS r FROM VALUES (1.0D, '') AS s(c1, c2)
SELECT concat(date'2024-01-01', c1) AS r FROM VALUES ('') AS s(c1)
SELECT concat(true, c1) AS r FROM VALUES ('') AS s(c1)
SELECT concat(cast(c1 as decimal(5,2)), c2) AS r FROM VALUES (1.50, '') AS s(c1, c2)
SELECT cast(array(c1, null) as string) AS r FROM VALUES (1) AS s(c1)
SELECT cast(map(c1, c2) as string) AS r FROM VALUES ('a', 1) AS s(c1, c2)
SELECT to_varchar(date'2024-01-01', c1) AS r FROM VALUES ('yyyy') AS s(c1)
SELECT try_subtract(c1, c2) AS r FROM VALUES (1, 2) AS s(c1, c2)
SELECT try_multiply(c1, c2) AS r FROM VALUES (2, 3) AS s(c1, c2)
-- Texts, numbers and times together
SELECT s + 1 FROM texts
SELECT 1 + s FROM texts
SELECT s * 2 FROM texts
SELECT s * 2.5 FROM texts
SELECT s * x FROM texts
SELECT s * p FROM texts
SELECT s / 4 FROM texts
SELECT s - n FROM texts
SELECT s % 3 FROM texts
SELECT -s FROM texts
SELECT abs(s) FROM texts
SELECT round(s, 1) FROM texts
SELECT round(s / 3, 2) FROM texts
SELECT ceil(s) FROM texts
SELECT floor(s) FROM texts
SELECT sqrt(s) FROM texts
SELECT sum(s) FROM texts
SELECT avg(s) FROM texts
SELECT sum(s) + 1 FROM texts
SELECT sum(s * 2) FROM texts
SELECT max(s) + 1 FROM texts
SELECT avg(s + 1) FROM texts
SELECT s + 1 > 5 FROM texts
SELECT case when s + 1 > 5 then s * 2 else 0 end FROM texts
SELECT coalesce(s, 0) + 1 FROM texts
SELECT n + '1' FROM texts
SELECT '3' * n FROM texts
SELECT s div 3 FROM texts
SELECT sum(cast(s as int)) / count(*) FROM texts
SELECT (s + 1) * (s - 1) FROM texts
SELECT s + 1.5 FROM texts
SELECT concat(s + 1, 'x') FROM texts
SELECT if(s > 5, s + 1, 0) FROM texts
SELECT s + 1 AS t FROM texts
SELECT s || (s + 1) FROM texts
SELECT sum(s) OVER () FROM texts
SELECT s + 1 + n * 2 FROM texts
SELECT cast(s + 1 as string) FROM texts
SELECT s > 9 FROM texts
SELECT s < 9 FROM texts
SELECT s = 10 FROM texts
SELECT s = 10.0 FROM texts
SELECT s >= 10.5 FROM texts
SELECT s IN (10) FROM texts
SELECT s BETWEEN 9 AND 11 FROM texts
SELECT 9 < s FROM texts
SELECT s <> 10 FROM texts
SELECT d > s2 FROM texts
SELECT d = s2 FROM texts
SELECT ts >= s2 FROM texts
SELECT s2 < ts FROM texts
SELECT d >= '2024-1-2' FROM texts
SELECT n = '0123' FROM texts
SELECT n > '99' FROM texts
SELECT coalesce(s, 5) FROM texts
SELECT case when true then s else n end FROM texts
SELECT if(false, n, s) FROM texts
SELECT nullif(s, 10) FROM texts
SELECT concat(n, s) FROM texts
SELECT lpad(n, 5, '0') FROM texts
SELECT length(n) FROM texts
SELECT n LIKE '12%' FROM texts
SELECT upper(n) FROM texts
SELECT upper(b) FROM texts
SELECT upper(d) FROM texts
SELECT length(ts) FROM texts
SELECT substr(ts, 1, 10) FROM texts
SELECT substr(d, 1, 4) FROM texts
SELECT length(x) FROM texts
SELECT substr(x, 1, 3) FROM texts
SELECT x LIKE '1.%' FROM texts
SELECT concat(x, '') FROM texts
SELECT p || '' FROM texts
SELECT length(p) FROM texts
SELECT replace(n, '2', 'x') FROM texts
SELECT split(n, '2') FROM texts
SELECT instr(n, '3') FROM texts
SELECT right(n, 2) FROM texts
SELECT trim(n) FROM texts
SELECT n IN ('123', '5') FROM texts
SELECT d IN ('2024-01-02') FROM texts
SELECT d BETWEEN '2024-01-01' AND '2024-01-31' FROM texts
SELECT year(s2) FROM texts
SELECT datediff(s2, d) FROM texts
SELECT date_add(s2, 1) FROM texts
SELECT last_day(s2) FROM texts
SELECT hour(s3) FROM texts
SELECT date_trunc('month', s2) FROM texts
SELECT date_format(s2, 'MM') FROM texts
SELECT unix_timestamp(s3) FROM texts
SELECT b = 'true' FROM texts
SELECT s2 LIKE '2024%' FROM texts
SELECT n || s FROM texts
SELECT map('1', 'a')[1] FROM texts
SELECT substring(s, '1', 1) FROM texts
SELECT left(s, '1') FROM texts
SELECT s BETWEEN '1' AND '2' FROM texts
SELECT max(s) > 9 FROM texts
SELECT count(DISTINCT s) FROM texts
SELECT min(s) FROM texts
SELECT sum(n) = '123' FROM texts
SELECT length(b) FROM texts
SELECT x = '1.5' FROM texts
SELECT p = '10.50' FROM texts
SELECT p > '9' FROM texts
SELECT cast(s as int) > '9' FROM texts
SELECT ts = '2024-01-02' FROM texts
SELECT ts > d FROM texts
SELECT d = ts FROM texts
SELECT round('2.5') FROM texts
SELECT abs('-3') FROM texts
-- Aggregates
SELECT count(*) FROM t
SELECT count(v) FROM t
SELECT count(distinct k) FROM t
SELECT count(distinct k, v) FROM t
SELECT count_if(v > 1) FROM t
SELECT sum(v) FROM t
SELECT sum(distinct v) FROM t
SELECT avg(v) FROM t
SELECT mean(v) FROM t
SELECT min(k) FROM t
SELECT max(d) FROM t
SELECT sum(p) FROM t
SELECT avg(p) FROM t
SELECT stddev(v) FROM t
SELECT stddev_pop(v) FROM t
SELECT variance(v) FROM t
SELECT var_pop(v) FROM t
SELECT corr(v, x) FROM t
SELECT covar_samp(v, x) FROM t
SELECT skewness(v) FROM t
SELECT kurtosis(v) FROM t
SELECT median(v) FROM t
SELECT percentile(v, 0.5) FROM t
SELECT percentile(v, array(0.25, 0.75)) FROM t
SELECT percentile_cont(0.5) within group (order by v) FROM t
SELECT percentile_disc(0.5) within group (order by v) FROM t
SELECT percentile_approx(v, 0.5) FROM t
SELECT approx_percentile(v, 0.5) FROM t
SELECT approx_count_distinct(k) FROM t
SELECT mode(k) FROM t
SELECT first(k) FROM t
SELECT first(n, true) FROM t
SELECT first_value(n) ignore nulls FROM t
SELECT last(k) FROM t
SELECT any_value(k) FROM t
SELECT max_by(k, v) FROM t
SELECT min_by(k, v) FROM t
SELECT collect_list(k) FROM t
SELECT sort_array(collect_set(k)) FROM t
SELECT array_agg(v) FROM t
SELECT array_sort(array_agg(distinct k)) FROM t
SELECT bool_and(v > 0) FROM t
SELECT bool_or(v > 3) FROM t
SELECT every(v > 0) FROM t
SELECT some(v > 3) FROM t
SELECT any(v > 3) FROM t
SELECT bit_or(v) FROM t
SELECT bit_and(v) FROM t
SELECT bit_xor(v) FROM t
SELECT histogram_numeric(v, 2) FROM t
SELECT string_agg(k, ',') FROM t
SELECT listagg(k, ',') within group (order by k) FROM t
SELECT sum(v) filter (where k = 'a') FROM t
SELECT count(*) filter (where n is null) FROM t
SELECT sum(case when k = 'a' then v else 0 end) FROM t
SELECT sum(if(k = 'a', v, 0)) / count(*) FROM t
SELECT round(avg(x), 2) FROM t
SELECT max(struct(v, k)) FROM t
SELECT max(named_struct('v', v, 'k', k)).k FROM t
SELECT try_sum(v) FROM t
SELECT try_avg(v) FROM t
SELECT regr_slope(v, x) FROM t
SELECT count(1) FROM t
SELECT sum(x) FROM t
SELECT min(t) FROM t
SELECT max(t) - min(t) FROM t
SELECT approx_top_k(k) FROM t
-- Windows
SELECT v, row_number() over (partition by k order by v) FROM t ORDER BY v
SELECT v, rank() over (order by k) FROM t ORDER BY v
SELECT v, dense_rank() over (order by k) FROM t ORDER BY v
SELECT v, percent_rank() over (order by v) FROM t ORDER BY v
SELECT v, cume_dist() over (order by v) FROM t ORDER BY v
SELECT v, ntile(2) over (order by v) FROM t ORDER BY v
SELECT v, lag(v) over (order by v) FROM t ORDER BY v
SELECT v, lag(v, 1, 0) over (order by v) FROM t ORDER BY v
SELECT v, lead(v, 2) over (order by v) FROM t ORDER BY v
SELECT v, first_value(v) over (partition by k order by v) FROM t ORDER BY v
SELECT v, last_value(v) over (partition by k order by v) FROM t ORDER BY v
SELECT v, last_value(v) over (partition by k order by v rows between unbounded preceding and unbounded following) FROM t ORDER BY v
SELECT v, nth_value(v, 2) over (order by v) FROM t ORDER BY v
SELECT v, sum(v) over (partition by k) FROM t ORDER BY v
SELECT v, sum(v) over (order by v) FROM t ORDER BY v
SELECT v, sum(v) over (order by v rows between 1 preceding and current row) FROM t ORDER BY v
SELECT v, avg(v) over (order by v rows between 1 preceding and 1 following) FROM t ORDER BY v
SELECT v, count(*) over () FROM t ORDER BY v
SELECT v, max(d) over (partition by k) FROM t ORDER BY v
SELECT v, v / sum(v) over () FROM t ORDER BY v
SELECT v, v - lag(v) over (order by d) FROM t ORDER BY v
SELECT v, collect_list(k) over (order by v) FROM t ORDER BY v
SELECT v, sum(v) over (order by d range between interval 1 day preceding and current row) FROM t ORDER BY v
SELECT v, last(n, true) over (order by v) FROM t ORDER BY v
SELECT v, lag(n) ignore nulls over (order by v) FROM t ORDER BY v
-- Queries
SELECT k, sum(v) AS s FROM t GROUP BY k ORDER BY k
SELECT k, sum(v) s FROM t GROUP BY ALL ORDER BY ALL
SELECT k, v FROM t QUALIFY row_number() OVER (PARTITION BY k ORDER BY v DESC) = 1 ORDER BY k
SELECT k, d, sum(v) FROM t GROUP BY ROLLUP (k, d) ORDER BY ALL
SELECT k, d, sum(v) FROM t GROUP BY CUBE (k, d) ORDER BY ALL
SELECT k, grouping(k), sum(v) FROM t GROUP BY GROUPING SETS ((k), ()) ORDER BY ALL
SELECT * FROM t PIVOT (sum(v) FOR k IN ('a', 'b')) ORDER BY ALL
SELECT * FROM (SELECT k, v FROM t) PIVOT (sum(v) AS s, count(v) AS c FOR k IN ('a' AS x, 'b')) ORDER BY ALL
SELECT * FROM (SELECT k, v, cast(x as int) x FROM t) UNPIVOT (val FOR name IN (v, x)) ORDER BY ALL
SELECT explode(array(1, 2))
SELECT explode(map('a', 1, 'b', 2))
SELECT posexplode(array('a', 'b'))
SELECT explode_outer(array())
SELECT inline(array(struct(1 AS a, 'x' AS b)))
SELECT stack(2, 1, 'a', 2, 'b')
SELECT json_tuple('{"a":1,"b":2}', 'a', 'b')
SELECT k, e FROM t LATERAL VIEW explode(array(v, v + 1)) AS e ORDER BY ALL
SELECT k, p2, e FROM t LATERAL VIEW posexplode(array(v)) x AS p2, e ORDER BY ALL
SELECT k, e FROM t, LATERAL explode(array(v)) AS e(e) ORDER BY ALL
SELECT a.k, b.v FROM t a JOIN t b USING (k) ORDER BY ALL
SELECT * FROM t a NATURAL JOIN (SELECT 'a' AS k, 9 AS z) b ORDER BY ALL
SELECT a.k FROM t a LEFT ANTI JOIN (SELECT 'a' AS k) b ON a.k = b.k
SELECT a.k, a.v FROM t a LEFT SEMI JOIN (SELECT 'a' AS k) b ON a.k = b.k ORDER BY ALL
SELECT a.k, b.z FROM t a FULL OUTER JOIN (SELECT 'c' AS k, 1 z) b ON a.k = b.k ORDER BY ALL
SELECT a.k, b.z FROM t a CROSS JOIN (SELECT 1 z) b ORDER BY ALL
SELECT k FROM t UNION SELECT 'z' ORDER BY k
SELECT k FROM t EXCEPT SELECT 'a'
SELECT k FROM t INTERSECT SELECT 'a'
SELECT k FROM t EXCEPT ALL SELECT 'a' ORDER BY k
WITH c AS (SELECT k, v FROM t) SELECT max(v) FROM c
WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT sum(n) FROM r
SELECT (SELECT max(v) FROM t) AS m
SELECT k, (SELECT count(*) FROM t b WHERE b.k = a.k) c FROM t a ORDER BY ALL
SELECT k FROM t WHERE v IN (SELECT max(v) FROM t)
SELECT k FROM t a WHERE EXISTS (SELECT 1 FROM t b WHERE b.k = a.k AND b.v > a.v)
SELECT DISTINCT k FROM t ORDER BY k
SELECT * EXCEPT (d, t, n) FROM t ORDER BY v
SELECT k, v FROM t ORDER BY n NULLS LAST, v DESC LIMIT 2
SELECT k, v FROM t ORDER BY n, v LIMIT 2 OFFSET 1
SELECT k, v FROM t ORDER BY n DESC, v
SELECT k AS key, count(*) AS cnt FROM t GROUP BY key HAVING cnt > 1
SELECT v + 1 AS w, w * 2 AS z FROM t ORDER BY w
SELECT year(d) y, month(d) m, sum(p) FROM t GROUP BY 1, 2 ORDER BY 1, 2
SELECT k, max(v) FROM t GROUP BY k ORDER BY max(v) DESC
SELECT k, collect_list(struct(v, d)) FROM t WHERE k = 'b' GROUP BY k
SELECT window.start, window.end, sum(v) FROM t GROUP BY window(t, '1 day') ORDER BY 1
SELECT sum(v) FROM t TABLESAMPLE (100 PERCENT)
SELECT CASE WHEN v > 1 THEN 'hi' END AS c, count(*) FROM t GROUP BY CASE WHEN v > 1 THEN 'hi' END ORDER BY 1
SELECT k, v FROM t WHERE k ILIKE 'A' AND v NOT IN (1, 99) ORDER BY v
SELECT concat_ws('|', collect_list(k)) FROM (SELECT k FROM t ORDER BY v)
SELECT date_format(d, 'yyyy-MM') AS ym, sum(v) FROM t GROUP BY date_format(d, 'yyyy-MM') ORDER BY 1
SELECT n, count(*) FROM t GROUP BY n ORDER BY n
SELECT max(v) OVER w, min(v) OVER w FROM t WINDOW w AS (PARTITION BY k) ORDER BY 1, 2
SELECT t.* FROM t WHERE t.k = 'b'
SELECT id FROM range(3)
SELECT * FROM VALUES (1, 'a'), (2, NULL) AS x(i, s)
SELECT col1, col2 FROM VALUES (1, 'a')
SELECT sum(v) sv, k FROM t GROUP BY k HAVING sum(v) > 2 AND count(*) >= 1 ORDER BY sv
FROM t |> WHERE v > 1 |> SELECT k, v |> ORDER BY v
SELECT k, v, sum(v) OVER (PARTITION BY k ORDER BY v) AS c FROM t ORDER BY k, v
SELECT count(*) FROM t a JOIN t b ON a.k = b.k AND a.v < b.v
SELECT named_struct('a', v).a AS a FROM t ORDER BY a
SELECT transform(collect_list(v), x -> x * 2) FROM t
SELECT percentile_approx(v, array(0.25, 0.5), 100) FROM t
SELECT k, first(v) FROM (SELECT * FROM t ORDER BY v) GROUP BY k ORDER BY k
SELECT approx_count_distinct(v) > 0 FROM t
SELECT to_date(t) AS dd, hour(t) FROM t ORDER BY dd
SELECT k, v FROM t DISTRIBUTE BY k SORT BY v
SELECT k || '-' || v AS kv FROM t ORDER BY kv
SELECT INT(v) FROM t ORDER BY 1
SELECT -v, +v, v * -1 FROM t ORDER BY 1
SELECT v % 2 = 0 FROM t ORDER BY v
SELECT k = 'a' AND v > 1 OR n IS NULL FROM t ORDER BY v
SELECT NOT (v > 1) FROM t ORDER BY v
SELECT sum(v) / count(*), avg(v) * 100 FROM t
SELECT sum(v * x) AS r, round(sum(v * x), 1) FROM t
SELECT min(d), max(d), datediff(max(d), min(d)) FROM t
SELECT IFNULL(n, -1) FROM t ORDER BY v
SELECT coalesce(n, v) FROM t ORDER BY v
SELECT sum(n), avg(n), count(n), max(n) FROM t WHERE n > 100
SELECT count(DISTINCT CASE WHEN v > 1 THEN k END) FROM t
SELECT date_trunc('month', order_date) AS month, count(*) AS n, sum(amount) AS total FROM orders GROUP BY 1 ORDER BY 1
SELECT date_trunc('month', order_date) AS month, sum(amount) FROM orders GROUP BY date_trunc('month', order_date) ORDER BY date_trunc('month', order_date)
SELECT year(order_date) AS y, month(order_date) AS m, sum(amount) AS s FROM orders GROUP BY y, m HAVING s > 100 ORDER BY y, m
SELECT country, count(DISTINCT o.customer_id) c, coalesce(sum(amount), 0) s FROM customers c LEFT JOIN orders o ON o.customer_id = c.customer_id GROUP BY country ORDER BY country NULLS LAST
SELECT c.name, o.order_id FROM customers c FULL OUTER JOIN orders o USING (customer_id) ORDER BY c.name NULLS LAST, o.order_id
SELECT customer_id, name FROM customers c WHERE NOT EXISTS (SELECT 1 FROM orders o WHERE o.customer_id = c.customer_id)
SELECT customer_id FROM customers WHERE customer_id NOT IN (SELECT customer_id FROM orders WHERE customer_id IS NOT NULL)
SELECT o.* FROM orders o JOIN (SELECT customer_id, max(order_date) AS d FROM orders GROUP BY customer_id) l ON o.customer_id = l.customer_id AND o.order_date = l.d ORDER BY order_id
SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY customer_id ORDER BY order_date DESC) AS rn FROM orders) WHERE rn = 1 ORDER BY customer_id
SELECT order_id, amount, sum(amount) OVER (ORDER BY order_date ROWS UNBOUNDED PRECEDING) AS running FROM orders ORDER BY order_id
SELECT order_id, amount - lag(amount) OVER (PARTITION BY customer_id ORDER BY order_date) AS delta FROM orders ORDER BY order_id
SELECT order_id, round(100 * amount / sum(amount) OVER (), 1) AS pct FROM orders ORDER BY order_id
SELECT order_id, ntile(3) OVER (ORDER BY amount DESC) AS bucket, percent_rank() OVER (ORDER BY amount) AS pr FROM orders ORDER BY order_id
SELECT user, ts, sum(new_session) OVER (PARTITION BY user ORDER BY ts) AS session FROM (SELECT *, CASE WHEN unix_timestamp(ts) - unix_timestamp(lag(ts) OVER (PARTITION BY user ORDER BY ts)) > 1800 THEN 1 ELSE 0 END AS new_session FROM events) ORDER BY user, ts
SELECT user, get_json_object(props, '$.page') AS page, cast(get_json_object(props, '$.ms') AS int) AS ms FROM events ORDER BY user, ts
SELECT user, j.page, j.ms FROM (SELECT user, ts, from_json(props, 'page STRING, ms INT') AS j FROM events) ORDER BY user, ts
SELECT i.order_id, i.sku, p.list_price FROM items i JOIN orders o ON o.order_id = i.order_id LEFT JOIN prices p ON p.sku = i.sku AND o.order_date BETWEEN p.valid_from AND coalesce(p.valid_to, date'9999-12-31') ORDER BY 1, 2
SELECT name, tag FROM customers LATERAL VIEW explode(tags) t AS tag ORDER BY name, tag
SELECT name, tag FROM customers LATERAL VIEW OUTER explode(tags) t AS tag ORDER BY name, tag
SELECT name, size(tags), array_contains(tags, 'b') FROM customers ORDER BY name
SELECT * FROM (SELECT customer_id, status, amount FROM orders) PIVOT (sum(amount) FOR status IN ('paid', 'open')) ORDER BY customer_id
SELECT status, sum(amount) FROM orders GROUP BY ROLLUP (status) ORDER BY status NULLS LAST, 2
SELECT coalesce(country, 'all') AS c, count(*) FROM customers GROUP BY CUBE (country) ORDER BY 1, 2
SELECT country, grouping_id(country) AS g, count(*) FROM customers GROUP BY country WITH ROLLUP ORDER BY g, country
WITH m AS (SELECT date_trunc('month', order_date) AS mon, sum(amount) AS s FROM orders GROUP BY 1), g AS (SELECT mon, s, lag(s) OVER (ORDER BY mon) AS prev FROM m) SELECT mon, s, round((s - prev) / prev * 100, 2) AS growth FROM g ORDER BY mon
SELECT upper(status) AS st, count(*) FROM orders GROUP BY upper(status) HAVING count(*) >= 1 ORDER BY count(*) DESC, st NULLS LAST
SELECT CASE WHEN amount >= 100 THEN 'big' WHEN amount IS NULL THEN 'none' ELSE 'small' END AS size, count(*) AS n FROM orders GROUP BY size ORDER BY n DESC, size
SELECT percentile_approx(amount, 0.5) AS med, avg(amount), stddev(amount), min(amount), max(amount) FROM orders
SELECT percentile(price, 0.9), median(price), mode(sku) FROM items
SELECT order_id, sum(qty * price) AS total, sum(qty) AS q FROM items GROUP BY order_id ORDER BY order_id
SELECT o.order_id, (SELECT sum(qty) FROM items i WHERE i.order_id = o.order_id) AS q FROM orders o ORDER BY o.order_id
SELECT order_id FROM orders o WHERE amount > (SELECT avg(amount) FROM orders) ORDER BY order_id
SELECT order_id FROM orders o WHERE amount > (SELECT avg(amount) FROM orders x WHERE x.customer_id = o.customer_id) ORDER BY order_id
SELECT customer_id, string_agg(status, ',') WITHIN GROUP (ORDER BY order_date) AS st FROM orders GROUP BY customer_id ORDER BY customer_id
SELECT concat_ws(',', sort_array(collect_list(sku))) FROM items
SELECT order_id, datediff(current_date(), order_date) > 0 AS old, date_format(order_date, 'MMM yyyy') AS label, last_day(order_date) AS eom FROM orders ORDER BY order_id
SELECT order_id, created, date_trunc('hour', created), hour(created), to_date(created) FROM orders ORDER BY order_id
SELECT months_between(max(order_date), min(order_date)), datediff(max(order_date), min(order_date)) FROM orders
SELECT explode(sequence(min(order_date), max(order_date), interval 1 month)) AS d FROM orders
SELECT d.d, count(o.order_id) AS n FROM (SELECT explode(sequence(date'2024-01-01', date'2024-04-01', interval 1 month)) AS d) d LEFT JOIN orders o ON date_trunc('month', o.order_date) = d.d GROUP BY d.d ORDER BY d.d
SELECT status, count(*) FILTER (WHERE amount > 50) AS big, sum(amount) FILTER (WHERE amount > 50) AS s FROM orders GROUP BY status ORDER BY status
SELECT count(*), count(amount), count(DISTINCT status), count_if(status = 'paid'), sum(CASE WHEN status IS NULL THEN 1 ELSE 0 END) FROM orders
SELECT customer_id, max_by(status, order_date), min_by(order_id, amount), first(status, true), any_value(customer_id) FROM orders GROUP BY customer_id ORDER BY customer_id
SELECT customer_id, collect_list(struct(order_date, amount)) AS l FROM orders WHERE customer_id = 11 GROUP BY customer_id
SELECT customer_id, map_from_entries(collect_list(struct(order_id, status))) AS m FROM orders WHERE customer_id = 10 GROUP BY customer_id
SELECT customer_id, transform(array_sort(collect_list(named_struct('d', order_date, 'a', amount))), x -> x.a) FROM orders GROUP BY customer_id ORDER BY customer_id
SELECT order_id FROM orders UNION ALL SELECT customer_id FROM customers ORDER BY 1
SELECT 'a' AS src, order_id AS id, amount FROM orders WHERE order_id = 1 UNION ALL SELECT 'b', customer_id, NULL FROM customers WHERE customer_id = 10 ORDER BY src
SELECT customer_id FROM orders EXCEPT SELECT customer_id FROM customers
SELECT customer_id FROM orders INTERSECT SELECT customer_id FROM customers ORDER BY customer_id
SELECT name, lower(name) AS l, initcap(name), length(name), substr(name, 1, 1) || '.' AS i FROM customers ORDER BY name
SELECT name FROM customers ORDER BY lower(name) DESC
SELECT name, country FROM customers ORDER BY country, name DESC
SELECT regexp_replace(name, '[aeiou]', '*') r, regexp_extract(name, '([A-Z])', 1) e, name RLIKE '^[A-Z]' m FROM customers ORDER BY name
SELECT order_id, amount * 1.19 AS gross, amount / 3 AS third, cast(amount AS int) AS whole, cast(amount AS double) * 0.1 AS d FROM orders ORDER BY order_id
SELECT order_id, round(amount, 0), floor(amount), ceil(amount), amount % 7, -amount, abs(-amount) FROM orders ORDER BY order_id
SELECT sum(price * qty) / sum(qty) AS wavg, sum(price) / count(*) FROM items
SELECT order_id, if(amount > 50, 'y', 'n') f, nvl(status, '?') s, nullif(status, 'void') v, coalesce(amount, 0) a, greatest(amount, 60) g FROM orders ORDER BY order_id
SELECT DISTINCT status FROM orders ORDER BY status
SELECT DISTINCT customer_id, status FROM orders WHERE amount BETWEEN 20 AND 110 ORDER BY 1, 2
SELECT c.*, o.order_id FROM customers c, orders o WHERE c.customer_id = o.customer_id AND o.status = 'paid' ORDER BY o.order_id
SELECT a.order_id, b.order_id AS next_id FROM orders a LEFT JOIN orders b ON a.customer_id = b.customer_id AND b.order_date > a.order_date ORDER BY 1, 2
SELECT customer_id, order_id, rank() OVER w AS r, dense_rank() OVER w AS dr FROM orders WINDOW w AS (PARTITION BY customer_id ORDER BY status) ORDER BY 1, 2
SELECT order_id, avg(amount) OVER (ORDER BY order_date RANGE BETWEEN INTERVAL 30 DAYS PRECEDING AND CURRENT ROW) AS ma FROM orders ORDER BY order_id
SELECT order_id, first_value(status) OVER (PARTITION BY customer_id ORDER BY order_date) f, last_value(status) IGNORE NULLS OVER (ORDER BY order_date ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) l FROM orders ORDER BY order_id
SELECT user, window.start, count(*) FROM events GROUP BY user, window(ts, '1 hour') ORDER BY user, window.start
SELECT user, count(*) AS n, max(ts) - min(ts) > interval 1 hour AS longer FROM events GROUP BY user ORDER BY user
SELECT user, cast(max(ts) AS long) - cast(min(ts) AS long) AS secs FROM events GROUP BY user ORDER BY user
SELECT status, count(*) c FROM orders GROUP BY status ORDER BY c DESC, status LIMIT 2
SELECT * FROM orders ORDER BY order_id LIMIT 2 OFFSET 2
SELECT order_id, status FROM orders WHERE status <> 'paid' ORDER BY order_id
SELECT order_id, status FROM orders WHERE NOT (status <=> 'paid') ORDER BY order_id
SELECT order_id FROM orders WHERE order_date >= '2024-02-01' AND order_date < '2024-03-01' ORDER BY 1
SELECT order_id FROM orders WHERE created > '2024-02-01 08:00:00' AND to_date(created) = '2024-02-01'
SELECT order_id FROM orders WHERE cast(order_id AS string) IN ('1', '3') ORDER BY 1
SELECT order_id FROM orders WHERE order_date > add_months(date'2024-01-31', 1) ORDER BY 1
SELECT md5(concat_ws('|', order_id, customer_id, coalesce(status, ''))) AS h FROM orders ORDER BY order_id
SELECT sha2(concat(cast(order_id AS string), cast(order_date AS string)), 256) h FROM orders ORDER BY order_id
SELECT order_id, amount, amount > 50 AND status = 'paid' AS flag, status IS NULL OR status IN ('open') AS f2 FROM orders ORDER BY order_id
SELECT to_json(struct(order_id, amount, status, order_date, created)) AS j FROM orders ORDER BY order_id
SELECT cast(amount AS string), cast(order_date AS string), cast(created AS string), cast(price AS string) FROM orders JOIN items USING (order_id) ORDER BY 1, 4
SELECT split(cast(order_date AS string), '-')[1] AS m, element_at(split('a-b', '-'), -1) AS l FROM orders ORDER BY order_id
SELECT count(*) FROM orders o JOIN items i ON o.order_id = i.order_id JOIN customers c ON c.customer_id = o.customer_id WHERE c.country = 'DE'
SELECT o.order_id, i.sku FROM orders o LEFT JOIN items i ON o.order_id = i.order_id AND i.qty > 1 ORDER BY 1, 2
SELECT o.order_id FROM orders o LEFT ANTI JOIN items i ON o.order_id = i.order_id ORDER BY 1
SELECT o.order_id FROM orders o LEFT SEMI JOIN items i USING (order_id) ORDER BY 1
SELECT name, filter(tags, t -> t <> 'a') f, transform(tags, t -> upper(t)) u, exists(tags, t -> t = 'b') e, aggregate(tags, '', (acc, t) -> concat(acc, t)) g FROM customers ORDER BY name
SELECT name, array_join(tags, '/') j, array_distinct(array_union(tags, array('z'))) u, tags[0] AS t0 FROM customers WHERE size(tags) > 0 ORDER BY name
SELECT status, sum(amount) AS s, sum(sum(amount)) OVER () AS total FROM orders GROUP BY status ORDER BY status
SELECT customer_id, sum(amount) AS s, rank() OVER (ORDER BY sum(amount) DESC NULLS LAST) AS r FROM orders GROUP BY customer_id ORDER BY customer_id
SELECT * EXCEPT (created, status) FROM orders WHERE order_id = 1
SELECT stack(2, 'a', 1, 'b', 2) AS (k, v)
SELECT o.order_id, x.n FROM orders o, LATERAL (SELECT count(*) AS n FROM items i WHERE i.order_id = o.order_id) x ORDER BY 1
SELECT amount, count(*) OVER (PARTITION BY status) n FROM orders ORDER BY order_id
SELECT try_cast(status AS int), try_divide(amount, 0), try_to_date('2024-13-01') FROM orders ORDER BY order_id
SELECT make_date(2024, month(order_date), 1) d, dayofweek(order_date), weekofyear(order_date), quarter(order_date), dayname(order_date) FROM orders ORDER BY order_id
SELECT from_unixtime(unix_timestamp(created), 'yyyy-MM-dd HH:mm') FROM orders ORDER BY order_id
SELECT from_utc_timestamp(created, 'Europe/Berlin') FROM orders ORDER BY order_id
SELECT approx_count_distinct(customer_id) FROM orders
SELECT sum(amount) s, avg(amount) a FROM orders WHERE 1 = 0
SELECT max(order_date) FROM orders WHERE status = 'nope' GROUP BY customer_id
SELECT date_add(order_date, 7) a, date_sub(order_date, 1) b, order_date + interval 1 month c, order_date - interval 2 days d, next_day(order_date, 'Sunday') e FROM orders ORDER BY order_id
SELECT trunc(order_date, 'Q') q, trunc(order_date, 'YEAR') y, date_trunc('week', order_date) w FROM orders ORDER BY order_id
SELECT lpad(order_id, 5, '0'), format_number(amount, 2), format_string('%05d-%s', order_id, status) FROM orders ORDER BY order_id
SELECT row_number() OVER (ORDER BY amount NULLS FIRST, order_id) rn, order_id FROM orders ORDER BY rn
SELECT sum(DISTINCT qty), avg(DISTINCT price) FROM items
SELECT bool_or(status = 'paid'), every(amount > 0) FROM orders
SELECT corr(qty, price), regr_slope(price, qty) FROM items
SELECT inline(array(struct(1, 'a'), struct(2, 'b')))
SELECT posexplode(tags) FROM customers WHERE name = 'Ann'
SELECT name, posexplode_outer(tags) FROM customers ORDER BY name, pos
SELECT count(*) FROM (SELECT 1 FROM orders GROUP BY customer_id, status)
-- Booleans as texts, and values of maps by a dot
SELECT n FROM flags WHERE b = 'true'
SELECT b = 'TRUE', b <> 'f', b IN ('true', 'false'), s = 'true' FROM flags ORDER BY n
SELECT count_if(b = 'true') AS c FROM flags
SELECT n FROM flags GROUP BY n HAVING max(b) = 'true'
SELECT CASE WHEN b = 'false' THEN 1 ELSE 2 END AS z FROM flags ORDER BY n
SELECT n FROM (SELECT * FROM flags WHERE b = 'true') WHERE b IN ('true', 'false')
SELECT f.n FROM flags f JOIN flags u ON f.n = u.n AND f.b = 'true'
SELECT m.a FROM flags ORDER BY n
SELECT flags.m.a, m.zz, m.`b c` FROM flags ORDER BY n
SELECT n FROM flags WHERE m.a = 1
SELECT m.a, count(*) FROM flags GROUP BY m.a ORDER BY m.a
SELECT f.n FROM flags f JOIN flags u ON f.m.a = u.n
SELECT f.n FROM flags f JOIN flags u ON f.n = 1 AND f.a[f.n] = u.n
SELECT f.n + '1' AS p FROM flags f JOIN flags u ON f.n + '1' = u.n + '1' ORDER BY p
