"""What others have made of a table of PostgreSQL, in words: it would be lost with the table.

What dataflows itself makes has a name that begins with `dataflows_`, and is made anew with the table.
"""

from __future__ import annotations

__all__ = ["ATTACHED", "REFERRED_TO"]

ATTACHED = r"""
WITH t AS (SELECT * FROM pg_class WHERE oid = {table}::regclass),
found(words) AS (
    SELECT regexp_replace(pg_describe_object(d.classid, d.objid, d.objsubid), '^rule "?_RETURN"? on ', '')
    FROM t JOIN pg_depend d ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = t.oid)
        OR (d.refclassid = 'pg_type'::regclass AND d.refobjid = t.reltype)
    LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
    LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
    WHERE d.classid <> 'pg_type'::regclass AND (c.oid IS NULL OR c.oid <> t.oid AND c.relkind <> 't')
    AND coalesce(c.relname, k.conname, '') NOT LIKE 'dataflows\_%'
    AND coalesce(k.contype, '') <> 'n'
    UNION SELECT 'its place as a partition or child of ' || inhparent::regclass
    FROM t JOIN pg_inherits ON inhrelid = t.oid
    UNION SELECT 'partitions' FROM t WHERE relkind = 'p'
    UNION SELECT 'its owner ' || r.rolname
    FROM t JOIN pg_roles r ON r.oid = relowner WHERE r.rolname <> current_user
    UNION SELECT 'privileges' FROM t WHERE relacl IS NOT NULL
    UNION SELECT 'privileges' FROM t JOIN pg_attribute ON attrelid = t.oid WHERE attacl IS NOT NULL
    UNION SELECT 'comments'
    FROM t JOIN pg_description p ON objoid = t.oid AND p.classoid = 'pg_class'::regclass
    UNION SELECT 'row-level security' FROM t WHERE relrowsecurity
    UNION SELECT 'storage parameters' FROM t WHERE reloptions IS NOT NULL
    UNION SELECT 'its tablespace' FROM t WHERE reltablespace <> 0
    UNION SELECT 'that it is not logged' FROM t WHERE relpersistence = 'u'
)
SELECT (SELECT relkind FROM t), (SELECT array_agg(words ORDER BY words) FROM found)
"""

REFERRED_TO = """
SELECT DISTINCT conrelid::regclass::text FROM pg_constraint
WHERE confrelid = {table}::regclass AND conrelid <> confrelid ORDER BY 1
"""
