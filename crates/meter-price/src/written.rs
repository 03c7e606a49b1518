//! Price files as they were written: plain text with marks, before anything is checked.
//!
//! Whoever reads TOML fills these in; [`crate::PriceBookBuilder`] makes a book of them and answers with faults that carry
//! the marks back.

use meter_call::Meter;

/// A place in a file, opaque here: the reader numbers places as it likes and looks them up again for a fault.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Mark(pub u32);

/// A value and its place.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Written<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub mark: Mark,
}

impl<T> Written<T> {
    /// A value at a place.
    pub fn new(value: T, mark: Mark) -> Written<T> {
        Written { value, mark }
    }
}

/// The right side of a price key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Figure {
    /// A bare number, as its literal text.
    Number(String),
    /// A quoted text: a number, `AMOUNT / COUNT UNIT`, or the name of another meter.
    Text(String),
}

/// Meters and their prices, in the order of the file.
pub type RatesText = Vec<(Written<Meter>, Written<Figure>)>;

/// Which layer a file is in; a later one wins.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum Layer {
    /// Compiled in.
    #[default]
    Bundled,
    /// From a signed bundle that came after the program.
    Installed,
    /// The user's own.
    User,
}

/// One file of one provider.
#[derive(Clone, Debug, Default)]
pub struct PriceFile {
    /// Bundled or the user's.
    pub layer: Layer,
    /// Price id of the provider.
    pub provider: Written<String>,
    /// Other names the provider goes by, for people who ask for a price; never for a call.
    pub also: Vec<Written<String>>,
    /// Page the figures come from, for rows that name none.
    pub source: Option<String>,
    /// Date they were last compared, for rows that name none.
    pub checked: Option<Written<String>>,
    /// Dated prices that hold for every model.
    pub fees: Vec<RowText>,
    /// Overlays that rows share by name.
    pub profiles: Vec<(Written<String>, Vec<WhenText>)>,
    /// Times of day with prices of their own.
    pub windows: Vec<WindowText>,
    /// Days on which a window does not hold.
    pub holidays: Vec<HolidaysText>,
    /// Names that moved from model to model.
    pub aliases: Vec<AliasText>,
    /// What to do with an amount the provider names.
    pub settlement: Option<SettlementText>,
    /// Words of the wire and the price class each means; `""` = standard, `"unpriced"` = no price per use.
    pub tiers: Vec<(Written<String>, Written<String>)>,
    /// The models.
    pub models: Vec<ModelText>,
    /// Terms of the user's own.
    pub contracts: Vec<ContractText>,
    /// Flat subscriptions.
    pub plans: Vec<PlanText>,
    /// Rates of other currencies.
    pub fx: Vec<FxText>,
}

/// `[[model]]`.
#[derive(Clone, Debug, Default)]
pub struct ModelText {
    /// Its table.
    pub mark: Mark,
    /// Exact name.
    pub id: Written<String>,
    /// Further exact names.
    pub aliases: Vec<Written<String>>,
    /// Regular expressions, anchored at both ends.
    pub patterns: Vec<Written<String>>,
    /// `provider/model` whose rows it takes over.
    pub like: Option<Written<String>>,
    /// Axes whose inherited overlays are left out.
    pub drop: Vec<Written<String>>,
    /// Cuts rows before this instant.
    pub from: Option<Written<String>>,
    /// Rows of lower layers are dropped.
    pub replace: bool,
    /// Most answer tokens.
    pub max_output: Option<u64>,
    /// Profiles of every row, taken over ones included.
    pub uses: Vec<Written<String>>,
    /// Overlays of every row.
    pub when: Vec<WhenText>,
    /// Dated rows.
    pub rows: Vec<RowText>,
}

/// `[[model.rates]]` or `[[fees]]`.
#[derive(Clone, Debug, Default)]
pub struct RowText {
    /// Its table.
    pub mark: Mark,
    /// First instant.
    pub from: Written<String>,
    /// First instant it no longer holds.
    pub until: Option<Written<String>>,
    /// Page of its figures.
    pub source: Option<String>,
    /// Date of the comparison.
    pub checked: Option<Written<String>>,
    /// `announced`, `observed` or `import`.
    pub basis: Option<String>,
    /// For people.
    pub note: Option<String>,
    /// Why a price of 0 is right.
    pub free: Option<String>,
    /// What is free to begin with.
    pub quotas: Vec<QuotaText>,
    /// Fewest tokens that a cache keeps.
    pub cache_min_tokens: Option<u64>,
    /// Profiles.
    pub uses: Vec<Written<String>>,
    /// Prices.
    pub rates: RatesText,
    /// Context tiers.
    pub context: Vec<TierText>,
    /// Overlays.
    pub when: Vec<WhenText>,
}

/// `[[model.rates.free]]` or `[[fees.free]]`.
#[derive(Clone, Debug)]
pub struct QuotaText {
    /// What is free.
    pub meter: Written<Meter>,
    /// How many.
    pub quantity: u64,
    /// `minute`, `day` or `month`.
    pub per: Written<String>,
    /// Group of models that share it.
    pub shared: Option<String>,
}

/// `[[model.rates.context]]`.
#[derive(Clone, Debug, Default)]
pub struct TierText {
    /// Its table.
    pub mark: Mark,
    /// Exclusive bound in prompt tokens.
    pub over: Option<u64>,
    /// Inclusive bound in prompt tokens.
    pub at_least: Option<u64>,
    /// Factor on every prompt-side token meter.
    pub scale_input: Option<Written<String>>,
    /// Factor on every answer-side token meter.
    pub scale_output: Option<Written<String>>,
    /// `request` or `excess`.
    pub scope: Option<Written<String>>,
    /// Why a price of 0 is right.
    pub free: Option<String>,
    /// Prices of the tier.
    pub rates: RatesText,
}

/// One entry of a `when`.
#[derive(Clone, Debug, Default)]
pub struct WhenText {
    /// Its table.
    pub mark: Mark,
    /// Axis and accepted values; all must match.
    pub on: Vec<(Written<String>, Vec<Written<String>>)>,
    /// Factor.
    pub scale: Option<Written<String>>,
    /// Meters the factor leaves alone.
    pub keep: Vec<Written<Meter>>,
    /// The only meters the factor touches; fees count only here.
    pub only: Option<Vec<Written<Meter>>>,
    /// Why a price of 0 is right.
    pub free: Option<String>,
    /// Absolute prices.
    pub rates: RatesText,
    /// Tiers of those prices; an empty list says that there are none.
    pub context: Option<Vec<TierText>>,
}

/// `[[window]]`.
#[derive(Clone, Debug, Default)]
pub struct WindowText {
    /// Its table.
    pub mark: Mark,
    /// Name used in `when`.
    pub name: Written<String>,
    /// First instant this row of the window holds.
    pub from: Written<String>,
    /// `HH:MM-HH:MM` in UTC, end exclusive.
    pub utc: Vec<Written<String>>,
    /// `mon` … `sun`; absent = daily.
    pub days: Vec<Written<String>>,
    /// Offset of the calendar for day and holiday.
    pub zone: Option<Written<String>>,
    /// Name of a holiday list.
    pub not_on: Option<Written<String>>,
}

/// `[[holidays]]`.
#[derive(Clone, Debug, Default)]
pub struct HolidaysText {
    /// Its table.
    pub mark: Mark,
    /// Name used by windows.
    pub name: Written<String>,
    /// First and last day the list speaks of.
    pub covers: Vec<Written<String>>,
    /// The days.
    pub dates: Vec<Written<String>>,
}

/// `[[alias]]`.
#[derive(Clone, Debug, Default)]
pub struct AliasText {
    /// The moving name.
    pub name: Written<String>,
    /// Model id it means.
    pub to: Written<String>,
    /// First instant.
    pub from: Written<String>,
    /// First instant it no longer holds.
    pub until: Option<Written<String>>,
}

/// `[settlement]`.
#[derive(Clone, Debug, Default)]
pub struct SettlementText {
    /// `provider_cost` or `list`.
    pub prefer: Option<Written<String>>,
    /// Name of the provider's unit; absent = USD.
    pub unit: Option<Written<String>>,
    /// Dollars in that unit.
    pub usd: Option<Written<String>>,
    /// Share by which list and provider may differ.
    pub check: Option<Written<String>>,
    /// `list`: without an amount on the wire the list price stands, as an estimate.
    pub missing: Option<Written<String>>,
}

/// `[[contract]]`.
#[derive(Clone, Debug, Default)]
pub struct ContractText {
    /// Its table.
    pub mark: Mark,
    /// Name on the bill.
    pub name: Written<String>,
    /// Provider; absent = the file's.
    pub provider: Option<Written<String>>,
    /// First instant.
    pub from: Written<String>,
    /// First instant it no longer holds.
    pub until: Option<Written<String>>,
    /// Per cent off token meters.
    pub discount: Option<Written<String>>,
    /// Meters without discount.
    pub except: Vec<Written<Meter>>,
    /// Fixed prices by model; they beat the discount.
    pub rates: Vec<ContractRatesText>,
    /// Amounts that spend is drawn from.
    pub credits: Vec<CreditText>,
}

/// `[[contract.credit]]`.
#[derive(Clone, Debug, Default)]
pub struct CreditText {
    /// Name, for people.
    pub name: Option<String>,
    /// Dollars.
    pub amount: Written<String>,
    /// First instant it can be drawn; absent = the contract's.
    pub from: Option<Written<String>>,
    /// First instant it is gone; absent = the contract's.
    pub until: Option<Written<String>>,
}

/// `[[contract.rates]]`.
#[derive(Clone, Debug, Default)]
pub struct ContractRatesText {
    /// Model id.
    pub model: Written<String>,
    /// Why a price of 0 is right.
    pub free: Option<String>,
    /// Prices in the place of the row's own.
    pub rates: RatesText,
}

/// `[[fx]]`.
#[derive(Clone, Debug, Default)]
pub struct FxText {
    /// ISO 4217 code.
    pub currency: Written<String>,
    /// First instant.
    pub from: Written<String>,
    /// Units for one dollar.
    pub per_usd: Written<String>,
}

/// `[[plan]]`.
#[derive(Clone, Debug, Default)]
pub struct PlanText {
    /// Its name.
    pub name: Written<String>,
    /// Provider; absent = the file's.
    pub provider: Option<Written<String>>,
    /// Dollars a month.
    pub usd_month: Written<String>,
}
