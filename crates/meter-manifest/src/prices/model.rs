//! `[[model]]`, its rows, tiers and overlays.

use super::Reader;
use crate::table::{At, Table};
use meter_price::{Axis, ModelText, QuotaText, RowText, TierText, WhenText, Written};

/// Keys of a row that are no meters.
const ROW: &[&str] =
    &["from", "until", "source", "checked", "basis", "note", "free", "use", "context", "when", "cache_min_tokens"];
/// Keys of a tier that are no meters.
const TIER: &[&str] = &["over", "at_least", "scale_input", "scale_output", "scope", "free"];
/// Keys of an overlay that are no meters; the conditions come on top.
const WHEN: &[&str] = &["scale", "keep", "only", "free", "context"];

impl Reader<'_> {
    pub(super) fn model(&self, table: Table<'_, '_>) -> ModelText {
        let model = ModelText {
            mark: self.mark(table.span),
            id: self.need_text(&table, "id"),
            aliases: self.texts(&table, "aliases"),
            patterns: self.texts(&table, "match"),
            like: self.text(&table, "like"),
            drop: self.texts(&table, "drop"),
            from: self.instant(&table, "from"),
            replace: table.flag("replace"),
            max_output: table.integer("max_output", 1..=i64::MAX).map(|at| at.value.unsigned_abs()),
            uses: self.texts(&table, "use"),
            when: self.whens(&table, "when"),
            rows: table.tables("rates").iter().filter_map(|table| self.row(table)).collect(),
        };
        table.finish();
        model
    }

    /// A row of a model or of the fees; `None` without a `from`, after the finding.
    pub(super) fn row(&self, table: &Table<'_, '_>) -> Option<RowText> {
        table.need("from")?;
        let text = |key| table.text(key).map(|at| at.value.to_owned());
        Some(RowText {
            mark: self.mark(table.span),
            from: self.instant(table, "from")?,
            until: self.instant(table, "until"),
            source: text("source"),
            checked: self.instant(table, "checked"),
            basis: text("basis"),
            note: text("note"),
            free: table.value("free").and_then(|value| value.as_text()).map(|at| at.value.to_owned()),
            quotas: self.quotas(table),
            cache_min_tokens: table.integer("cache_min_tokens", 1..=i64::MAX).map(|at| at.value.unsigned_abs()),
            uses: self.texts(table, "use"),
            rates: self.rates(table, ROW),
            context: self.tiers(table),
            when: self.whens(table, "when"),
        })
    }

    /// `free = [{ meter = "grounding", quantity = 5_000, per = "month" }]`; a text is the reason for a price of 0 instead.
    fn quotas(&self, table: &Table<'_, '_>) -> Vec<QuotaText> {
        let free = table.value("free").filter(|value| value.as_text().is_none());
        let read = |table: Table<'_, '_>| {
            table.need("meter");
            table.need("quantity");
            let quota = QuotaText {
                meter: self.meters(&table, "meter").into_iter().next()?,
                quantity: table.integer("quantity", 1..=i64::MAX)?.value.unsigned_abs(),
                per: self.need_text(&table, "per"),
                shared: table.text("shared").map(|at| at.value.to_owned()),
            };
            table.finish();
            Some(quota)
        };
        free.map(|value| value.tables()).unwrap_or_default().into_iter().filter_map(read).collect()
    }

    fn tiers(&self, table: &Table<'_, '_>) -> Vec<TierText> {
        table.tables("context").iter().map(|table| self.tier(table)).collect()
    }

    fn tier(&self, table: &Table<'_, '_>) -> TierText {
        let bound = |key| table.integer(key, 1..=i64::MAX).map(|at| at.value.unsigned_abs());
        TierText {
            mark: self.mark(table.span),
            over: bound("over"),
            at_least: bound("at_least"),
            scale_input: self.number(table, "scale_input"),
            scale_output: self.number(table, "scale_output"),
            scope: self.text(table, "scope"),
            free: table.text("free").map(|at| at.value.to_owned()),
            rates: self.rates(table, TIER),
        }
    }

    pub(super) fn whens(&self, table: &Table<'_, '_>, key: &'static str) -> Vec<WhenText> {
        table.tables(key).iter().map(|table| self.when(table)).collect()
    }

    fn when(&self, table: &Table<'_, '_>) -> WhenText {
        let axes: Vec<&str> = Axis::ALL.iter().map(|(name, _)| *name).collect();
        let fixed: Vec<&str> = WHEN.iter().copied().chain(axes.iter().copied()).collect();
        WhenText {
            mark: self.mark(table.span),
            on: self.conditions(table, &axes),
            scale: self.number(table, "scale"),
            keep: self.meters(table, "keep"),
            only: table.has("only").then(|| self.meters(table, "only")),
            free: table.text("free").map(|at| at.value.to_owned()),
            rates: self.rates(table, &fixed),
            context: table.has("context").then(|| self.tiers(table)),
        }
    }

    fn conditions(&self, table: &Table<'_, '_>, axes: &[&str]) -> Vec<(Written<String>, Vec<Written<String>>)> {
        let entries = table.entries().into_iter().filter(|(key, _)| axes.contains(&key.value));
        entries
            .map(|(key, value)| {
                let values = match value.as_bool() {
                    Some(on) => vec![self.written(At::new(on.value.to_string(), on.span))],
                    None => value.texts().into_iter().map(|at| self.owned(at)).collect(),
                };
                (self.owned(key), values)
            })
            .collect()
    }
}
