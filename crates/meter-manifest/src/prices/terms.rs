//! What stands beside the models: windows, holidays, moving names, settlement, contracts, plans.

use super::Reader;
use crate::table::Table;
use meter_price::{
    AliasText, ContractRatesText, ContractText, CreditText, FxText, HolidaysText, PlanText, SettlementText, WindowText,
};

impl Reader<'_> {
    pub(super) fn window(&self, table: Table<'_, '_>) -> Option<WindowText> {
        table.need("from");
        let window = WindowText {
            mark: self.mark(table.span),
            name: self.need_text(&table, "name"),
            from: self.instant(&table, "from")?,
            utc: self.texts(&table, "utc"),
            days: self.texts(&table, "days"),
            zone: self.text(&table, "zone"),
            not_on: self.text(&table, "not_on"),
        };
        table.finish();
        Some(window)
    }

    pub(super) fn holidays(&self, table: Table<'_, '_>) -> HolidaysText {
        let days = |key| {
            let list = table.value(key).and_then(|value| value.as_list().or_else(|| value.wrong("a list of dates")));
            list.unwrap_or_default().into_iter().filter_map(|day| self.moment(day)).collect()
        };
        let holidays = HolidaysText {
            mark: self.mark(table.span),
            name: self.need_text(&table, "name"),
            covers: days("covers"),
            dates: days("dates"),
        };
        table.finish();
        holidays
    }

    pub(super) fn alias(&self, table: Table<'_, '_>) -> Option<AliasText> {
        table.need("from");
        let alias = AliasText {
            name: self.need_text(&table, "name"),
            to: self.need_text(&table, "to"),
            from: self.instant(&table, "from")?,
            until: self.instant(&table, "until"),
        };
        table.finish();
        Some(alias)
    }

    pub(super) fn settlement(&self, table: Table<'_, '_>) -> SettlementText {
        let settlement = SettlementText {
            prefer: self.text(&table, "prefer"),
            unit: self.text(&table, "unit"),
            usd: self.number(&table, "usd"),
            check: self.number(&table, "check"),
            missing: self.text(&table, "missing"),
        };
        table.finish();
        settlement
    }

    pub(super) fn contract(&self, table: Table<'_, '_>) -> Option<ContractText> {
        table.need("from");
        // A label for people: calls do not say whose account they are on.
        table.text("account");
        let contract = ContractText {
            mark: self.mark(table.span),
            name: self.need_text(&table, "name"),
            provider: self.text(&table, "provider"),
            from: self.instant(&table, "from")?,
            until: self.instant(&table, "until"),
            discount: self.number(&table, "discount"),
            except: self.meters(&table, "except"),
            rates: table.tables("rates").iter().map(|table| self.contract_rates(table)).collect(),
            credits: table.tables("credit").into_iter().map(|table| self.credit(table)).collect(),
        };
        table.finish();
        Some(contract)
    }

    fn credit(&self, table: Table<'_, '_>) -> CreditText {
        table.need("amount");
        let credit = CreditText {
            name: table.text("name").map(|at| at.value.to_owned()),
            amount: self.number(&table, "amount").unwrap_or_default(),
            from: self.instant(&table, "from"),
            until: self.instant(&table, "until"),
        };
        table.finish();
        credit
    }

    fn contract_rates(&self, table: &Table<'_, '_>) -> ContractRatesText {
        ContractRatesText {
            model: self.need_text(table, "model"),
            free: table.text("free").map(|at| at.value.to_owned()),
            rates: self.rates(table, &["model", "free"]),
        }
    }

    pub(super) fn fx(&self, table: Table<'_, '_>) -> Option<FxText> {
        for key in ["from", "per_usd"] {
            table.need(key);
        }
        let fx = FxText {
            currency: self.need_text(&table, "currency"),
            from: self.instant(&table, "from")?,
            per_usd: self.number(&table, "per_usd")?,
        };
        table.finish();
        Some(fx)
    }

    pub(super) fn plan(&self, table: Table<'_, '_>) -> PlanText {
        let plan = PlanText {
            name: self.need_text(&table, "name"),
            provider: self.text(&table, "provider"),
            usd_month: {
                table.need("usd_month");
                self.number(&table, "usd_month").unwrap_or_default()
            },
        };
        table.finish();
        plan
    }
}
