"""Entries of the reference whose rows are others here, or that are not asked, and why."""

from __future__ import annotations


def _by_entry(names: dict[str, str]) -> dict[str, str]:
    """The reason of each entry."""
    return {name: reason for reason, entries in names.items() for name in entries.split()}


#: The rows are others on SQLite.
ON_SQLITE = _by_entry(
    {
        "SQLite's LIKE ignores the case of ASCII letters, and knows no others.": """
            json.startswith index.like lookup.icontains.like lookup.iexact.unicode
            field.json.startswith
        """,
        "SQLite changes the case of ASCII letters alone.": """
            text.lower shape2.fn.upper
        """,
        "SQLite reads more texts as numbers, or as times, and fewer as others.": """
            field.amount.read field.moment.read plan2.amount.isnull plan2.moment.isnull
            plan2.minmax plan2.moment.exact plan2.moment.in plan2.year.range
            plan2.year.extract plan2.date.range plan2.now
        """,
        "SQLite casts otherwise.": """
            cast.bool cast.text.float field.cast.datetime.time field.cast.text.float
            field.cast.text.date field.cast.float.int field.cast.decimal.int
            field.cast.decimal.char shape2.fn.cast.datetime.char shape2.fn.cast.float.char
            shape2.fn.cast.int.bool
        """,
        "SQLite compares and orders JSON as texts.": """
            json.order json.gt field.json.gt field.json.lt.text field.json.kt.text
            field.json.values field.json.order field.json.group field.json.whole.in
            field.json.whole.exact field.json.whole.exact.exclude
        """,
        "SQLite has no path to such a key.": """
            field.json.key.doublequote
        """,
        "SQLite refuses it, or fails.": """
            agg.stddev shape2.agg.stddev set.arm.limit shape2.window.distinct
        """,
        "SQLite's function is another one.": """
            shape2.fn.chr shape2.fn.chr.json shape2.fn.cot
        """,
    }
)
#: The rows are others on the query service too.
IN_BOTH = _by_entry(
    {
        "An average of durations has whole microseconds.": """
            field.duration.agg
        """,
        "Decimals are shown as such, and not as the texts that stand for them.": """
            array.values.any shape.keyspace.full dec.order join.collection
        """,
        "Durations are added to the microsecond.": """
            dt.duration.add
        """,
        "Greatest and Least of a null are null, as on SQLite.": """
            shape2.fn.least.null text.greatest
        """,
        "A null of JSON is null where it is cast.": """
            shape2.fn.cast.json.text
        """,
        "A trap of the engine, which is worked round.": """
            plan2.earlyorder.bug plan2.earlyorder.exists
        """,
        "There is no sum of no elements.": """
            array.agg.elements
        """,
        "exclude() of what is under a key leaves documents out that lack it, as Django's does.": """
            array.member.object.key.exclude field.json.exact.number.exclude
            field.json.none.exclude field.json.in.exclude field.json.gt.exclude
        """,
        "Bytes are shown as bytes, and not as the texts that stand for them.": """
            field.binary.read
        """,
    }
)
#: No construct of Django asks for it.
NOT_ASKED = _by_entry(
    {
        "It is what is not to be written.": """
            shape.rows.object shape.raw.orderby.ordinal shape.quote.empty shape.quote.case
            shape.unqualified shape.alias.collision shape.path.missing base.alive.naive
            base.pk.dup lookup.exact.none lookup.exact.strnum lookup.exact.bool.int
            lookup.bool.truthy lookup.gt.type lookup.in.parens.one
            lookup.in.subquery.object lookup.in.subquery.rowarray lookup.regex.like
            null.isnull.naive null.isnotnull.naive null.exclude.naive null.exclude.bare
            null.ne null.notin.null dt.compare.text dt.compare.traps dt.millis.rounding
            dt.extract.noconv dt.trunc.dst dt.order.text dt.add.format dt.diff.offset
            dec.gt.text dec.precision dec.sum.text dec.store order.null.tie
            order.nulls.plain distinct.scalar distinct.order agg.bool agg.mixed
            group.by.naive group.ordinal.silent group.const math.div.plain math.bit
            math.round math.round.digits math.domain text.concat.plain text.nullif.null
            text.length.bytes text.substr.edges text.substr.null text.replace.empty
            text.repeat text.sha1 json.object subq.scalar.forgot join.left.where
            join.isnull.naive set.order.ordinal set.object win.partition.naive
            json.path.subscript json.exact.null json.exclude.key json.gt.type
            json.contains.within array.contains.fn first.array.slice array.exclude.naive
            array.values.any.missing array.wrong.element field.json.key.empty.path
            shape2.fn.sha1 field.fk.join.raw shape2.window.valuerange.text
            field.text.raw.gt field.text.raw.lt field.text.raw.isnull
            field.integer.raw.edge field.integer.raw.gt
        """,
        "It is what the service refuses.": """
            shape.rows.alias shape.rows.dupalias shape.quote.reserved
            shape.unqualified.join shape.keyspace.context.bucket shape.keyspace.unknown
            shape.keyspace.unknownscope shape.keyspace.twopart shape.meta.xattr.two
            shape.meta.xattr.write base.istrue lookup.like.trailing
            lookup.like.escape.sqlite lookup.ilike lookup.in.parens lookup.regex.lookahead
            dt.part.bad dt.part.tz3 dt.add.micro cast.sql slice.limit.null distinct.on
            select.for.update agg.distinct.multi agg.nested group.param group.unselected
            group.having.alone group.ordinal group.subquery math.bit.op text.left.fn
            text.chr text.collate subq.noindex join.full join.cross join.noindex
            set.arm.bare set.paren win.where shape2.subquery.aggregate.count
            shape2.window.nested.where shape2.window.in.window shape2.agg.orderby
            shape2.cast shape2.distinct.on shape2.for.update shape2.values
            shape2.regex.lookahead shape2.date.part.micro shape2.filter.exists
        """,
        "The ORM has no construct for it.": """
            shape.rows.document shape.nofrom shape.meta.fields lookup.in.tuple cast.json
            math.div.zero math.domain.guard subq.recursive join.right join.inequality
            join.manytomany join.nest join.nest.subquery join.unnest join.unnest.left
            join.unnest.agg json.values array.slice.safe array.object
            array.agg.all.elements array.slice shape2.fn.bitnot
            shape2.fn.cast.text.int.prefix plan2.order.desc.key plan2.case
            plan2.earlyorder.max shape2.window.groups shape2.values.array
            shape2.date.part.micro.text shape2.unnest.subquery field.moment.read.upper
            field.moment.read.serverzone
        """,
        "It is how the service behaves, which no construct asks.": """
            shape.meta.rev lookup.like.newline lookup.regex.flags null.ismissing
            null.known null.logic null.distinctfrom dt.extract.isoyear dt.tz.bad dt.parse
            dt.format type.order type.compare type.string type.array type.bigint type.test
            cast.int.text order.random.seed text.coalesce.fns text.least text.trim
            text.title case.simple json.array subq.with json.path.intkey array.update
            json.keys field.boolean.bare array.any.object field.json.encode.order
            shape2.fn.missing shape2.distinct.order.other shape2.subquery.limit.param
            shape2.null.param field.moment.edges field.moment.offsets
        """,
        "Django asks it otherwise: a key needs no join, and digits are a place.": """
            shape.meta.badalias field.json.key.digits.object field.json.key.deep
        """,
        "Its answer is another one each time.": """
            dt.now math.random
        """,
        "Django 5.2 has no such aggregate for all databases.": """
            agg.string agg.array shape2.agg.string shape2.agg.string.group
            shape2.agg.orderby.other
        """,
        "JSONField's contains and contained_by are refused, as on SQLite.": """
            json.contains.flat json.contains.deep json.containedby field.json.contains
            field.json.contains.array field.json.contains.scalar field.json.containedby
        """,
        "It writes: documents are written through the gateway, and not by SQL++.": """
            dml.insert dml.insert.dup dml.insert.many dml.insert.array dml.insert.partial
            dml.insert.uuid dml.insert.key.type dml.insert.missing dml.insert.expiry
            dml.insert.returning dml.upsert dml.merge dml.merge.ignore dml.update
            dml.update.pk dml.update.path dml.update.path.missing dml.update.path.create
            dml.update.old dml.update.null dml.unset dml.update.case dml.update.map
            dml.update.pkchange dml.update.subquery dml.update.related dml.update.join
            dml.update.limit dml.update.expiry dml.update.cas dml.delete dml.delete.pk
            dml.delete.subquery dml.soft dml.truncate dml.readonly dml.returning.object
        """,
        "It is about indexes and plans; tests of indexes show those.": """
            index.partial.prepared index.partial.prepared.literal index.leading
            index.order.desc index.array.object index.create.again
            index.create.ifnotexists index.drop.absent index.unique index.param
            index.nondet index.introspect index.explain index.none.old index.hint
            plan2.exclude.folded plan2.order.desc plan2.raw.on.guarded
            plan2.guarded.on.raw plan2.param.inside plan2.else.null plan2.ifmissing
            plan2.let plan2.array.folded shape2.prepared.guard plan2.derived
            plan2.derived.order plan2.partial.condition.lost
        """,
        "It is about requests, parameters and literals, for which the ORM has no word.": """
            param.positional param.types param.question param.mixed param.named
            param.missing param.instring param.name param.from param.from.name
            param.bigint lit.single lit.doublequote lit.badescape lit.comment lit.multi
            lit.float lit.operators req.transaction req.savepoint req.timeout req.readonly
            req.consistency req.consistency.bad limit.in limit.args limit.joins stmt.ddl
            stmt.collection stmt.introspect stmt.introspect.doctypes stmt.unknownfn
            stmt.syntax
        """,
        "Two fields would have one key, which no class can have.": """
            plan2.or.fields plan2.and.fields plan2.composite plan2.partial.condition
        """,
    }
)
