use super::book;
use crate::check::check_with;
use crate::file::ManifestFile;

/// A price file as the user's layer has it; the expectations stand in the text.
fn check(text: &str) {
    check_with("manifests/prices/acme.toml", text, |file| book([], [file]).1);
}

/// The same behind the usual head, which is one line.
fn check_body(body: &str) {
    check(&format!("schema = 1\nprovider = \"acme\"\n{body}"));
}

#[test]
fn a_full_file_has_no_findings() {
    check(
        r#"
schema = 1
provider = "acme"
source = "https://acme.example/pricing"
checked = 2026-11-24
[settlement]
prefer = "provider_cost"
unit = "credit"
usd = 1
check = 0.01
missing = "list"
[tiers]
default = ""
FLEX = "flex"
[profile.shared]
when = [{ class = ["batch", "flex"], scale = 0.5, keep = ["cache_read"] }]
[profile.regional]
when = [{ geo = ["eu", "us"], scale = 1.1 }]
[[fees]]
from = 2026-01-01
web_search = "10 / 1000 calls"
[[holidays]]
name = "cn"
covers = [2026-01-01, 2026-12-31]
dates = [2026-10-01]
[[window]]
name = "peak"
from = 2026-01-01
utc = ["01:00-04:00", "22:00-24:00"]
days = ["mon", "tue"]
zone = "+08:00"
not_on = "cn"
[[alias]]
name = "acme-latest"
to = "acme-2"
from = 2026-03-01
until = 2026-09-01
[[model]]
id = "acme-2"
aliases = ["acme-two"]
match = ['acme-2-\d{8}']
max_output = 64_000
[[model.when]]
geo = "us"
scale = "11/10"
[[model.rates]]
from = 2026-03-01
until = 2026-09-01T12:00:00Z
source = "https://acme.example/news"
checked = 2026-03-02
basis = "announced"
note = "a note"
use = ["shared"]
input = 1_000.50
input_audio = "input"
cache_read = "0.10"
output = 15
grounding = "35 / 1000 prompts"
when = [
  { window = "peak", scale = 2 },
  { class = "fast", thinking = true, input = 6, cache_read = 0.6, output = 30, context = [] },
]
context = [
  { over = 200_000, input = 6, cache_read = 0.6, output = 30 },
  { at_least = 400_000, scale_input = 2, scale_output = 1.5 },
]
[[model]]
id = "acme-3"
like = "acme/acme-2"
drop = ["window"]
from = 2026-04-01
use = ["regional"]
[[model]]
id = "acme-ear"
[[model.rates]]
from = 2026-04-01
cache_min_tokens = 1_024
free = [{ meter = "grounding", quantity = 5_000, per = "month", shared = "ears" }]
input = { price = 3, min = "100 tokens" }
cache_read = 0.30
audio = { price = "0.111 / hour", min = "10 seconds", step = "1 second" }
context = [{ over = 32_000, scope = "excess", input = 6, cache_read = 0.60 }]
[[contract]]
name = "acme-2026"
from = 2026-06-01
until = 2027-06-01
account = "team-a"
discount = 12.5
except = ["cache_read"]
[[contract.rates]]
model = "acme-2"
input = 2.50
[[contract.credit]]
name = "welcome gift"
amount = 500
until = 2026-09-01
[[fx]]
currency = "EUR"
from = 2026-11-01
per_usd = 0.8621
[[plan]]
name = "acme-max"
provider = "acme"
usd_month = 200
"#,
    );
}

#[test]
fn figures_are_plain() {
    check_body(
        r#"
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
input = 3e0
#       ^^^ error[HM0201]
cache_read = 0.1_0
#            ^^^^^ error[HM0201]
output = -15
#        ^^^ error[HM0201]
reasoning = inf
#           ^^^ error[HM0201]
input_audio = 0.0000000001
#             ^^^^^^^^^^^^ error[HM0201]
output_audio = 0
#              ^ error[HM0212]
web_search = "10"
#            ^^^^ error[HM0214]
file_search = 2.50
#             ^^^^ error[HM0214]
page = "1 / 1000 calls"
#      ^^^^^^^^^^^^^^^^ error[HM0202]
image = "1 / banana"
#       ^^^^^^^^^^^^ error[HM0202]
audio = { price = "0.111 / hour", min = "10 pages" }
#       ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[HM0202]
video = { price = "0.1 / second", step = "2 seconds", max = "1 hour" }
#                                                     ^^^ error[HM0107]
characters = { min = "10 characters" }
#            ^ error[HM0108]
input_image = "output_audoi"
#             ^^^^^^^^^^^^^^ error[HM0216]
input_video = "cache_read_video"
#             ^^^^^^^^^^^^^^^^^^ error[HM0216]
outptu = 3
# ^ error[HM0107]
"#,
    );
}

#[test]
fn names_mean_one_model() {
    check_body(
        r#"
[[model]]
id = "m"
aliases = ["n"]
[[model.rates]]
from = 2026-01-01
input = 1
[[model.rates]]
from = 2026-01-01T00:00:00Z
#      ^^^^^^^^^^^^^^^^^^^^ error[HM0205]
input = 2
[[model]]
id = "o"
aliases = ["n"]
#          ^^^ error[HM0203]
match = ['m|p', '(']
#        ^^^^^ error[HM0204]
#               ^^^ error[HM0215]
[[model.rates]]
from = 2026-01-01
input = 1
[[model]]
id = "empty"
#    ^^^^^^^ warning[HM0226]
[[model]]
id = "alike"
like = "acme/gone"
#      ^^^^^^^^^^^ error[HM0216]
[[alias]]
name = "latest"
to = "gone"
#    ^^^^^^ error[HM0216]
from = 2026-01-01
"#,
    );
}

#[test]
fn the_same_model_twice_is_a_fault() {
    check_body(
        r#"
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
input = 1
[[model]]
id = "m"
#    ^^^ error[HM0203]
[[model.rates]]
from = 2026-02-01
input = 1
"#,
    );
}

#[test]
fn instants_are_the_same_everywhere() {
    check_body(
        r#"
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01T10:00:00
#      ^^^^^^^^^^^^^^^^^^^ error[HM0213]
input = 1
[[model.rates]]
from = "soon"
#      ^^^^^^ error[HM0213]
input = 1
[[model.rates]]
from = 2026-03-01
until = 2026-03-01
#       ^^^^^^^^^^ error[HM0221]
input = 1
[[model.rates]]
# ^ error[HM0108]
input = 1
[[model.rates]]
from = 2026-05-01
checked = 2026-05-01T00:00:00Z
#         ^^^^^^^^^^^^^^^^^^^^ error[HM0213]
input = 1
"#,
    );
}

#[test]
fn tiers_rise_and_are_whole() {
    check_body(
        r#"
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
input = 1
output = 2
context = [
  { over = 200_000, input = 2 },
# ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^ error[HM0207]
  { over = 100_000, scale_input = 2 },
# ^ error[HM0206]
  { at_least = 300_000, over = 300_000, scale_input = 2 },
# ^ error[HM0206]
  { over = 400_000, input = 2, output = 4, scale_input = 2 },
# ^ error[HM0206]
  { over = 500_000, scale_input = 2, scope = "excess" },
# ^ error[HM0206]
  { over = 600_000, scale_input = 2, scope = "all" },
#                                            ^^^^^ error[HM0110]
  { over = 700_000, scale_input = 0 },
#                                 ^ error[HM0201]
]
"#,
    );
}

#[test]
fn overlays_have_conditions_and_one_effect() {
    check_body(
        r#"
[tiers]
turbo = "fastest"
#       ^^^^^^^^^ error[HM0210]
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
use = ["gone"]
#      ^^^^^^ error[HM0209]
input = 1
output = 2
context = [{ over = 200_000, scale_input = 2 }]
when = [
  { scale = 2 },
# ^ error[HM0222]
  { class = "a" },
# ^ error[HM0222]
  { class = "b", scale = 2, input = 3, output = 3 },
# ^ error[HM0222]
  { class = "c", input = 3, context = [] },
# ^ error[HM0207]
  { class = "d", input = 3, output = 3 },
# ^ error[HM0225]
  { window = "peak", scale = 2 },
#            ^^^^^^ error[HM0219]
  { class = "e", scale = 2, keep = ["inptu"] },
#                                   ^^^^^^^ error[HM0110]
  { class = ["f", "g"], scale = 2 },
  { class = ["g", "h"], scale = 3 },
# ^ error[HM0208]
  { clas = "x", scale = 2 },
#   ^^^^ error[HM0107]
# ^ error[HM0222]
]
[[model]]
id = "n"
like = "acme/m"
drop = ["tier"]
#       ^^^^^^ error[HM0224]
"#,
    );
}

#[test]
fn windows_and_holidays_can_be_read() {
    check_body(
        r#"
[[holidays]]
# ^ error[HM0223]
name = "cn"
covers = [2026-01-01, 2026-06-30]
dates = [2026-10-01]
[[window]]
name = "peak"
from = 2026-03-01
utc = ["22:00-22:00", "1-2"]
#      ^^^^^^^^^^^^^ error[HM0223]
#                     ^^^^^ error[HM0223]
days = ["monday"]
#       ^^^^^^^^ error[HM0223]
zone = "Asia/Shanghai"
#      ^^^^^^^^^^^^^^^ error[HM0223]
not_on = "china"
#        ^^^^^^^ error[HM0220]
[[window]]
name = "night"
from = 2026-03-01
utc = ["01:00-02:00"]
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
#      ^^^^^^^^^^ warning[HM0211]
input = 1
when = [{ window = "night", scale = 2 }]
"#
        // A window without any readable hour says so as well.
        .replace("[[window]]\nname = \"peak\"", "[[window]]\n# ^ error[HM0223]\nname = \"peak\"")
        .as_str(),
    );
}

#[test]
fn terms_with_an_unknown_provider_are_a_fault() {
    check(
        r#"
schema = 1
[[contract]]
name = "one"
provider = "nobody"
#          ^^^^^^^^ error[HM0216]
from = 2026-01-01
discount = 10
"#
        .trim_start(),
    );
}

#[test]
fn rates_of_currencies_are_dated_and_above_0() {
    check(
        r#"
schema = 1
[[fx]]
currency = "euro"
#          ^^^^^^ error[HM0110]
from = 2026-11-01
per_usd = 0.8621
[[fx]]
currency = "EUR"
from = 2026-11-01
per_usd = 0
#         ^ error[HM0201]
[[fx]]
currency = "GBP"
from = 2026-11-01
per_usd = 0.7
[[fx]]
currency = "GBP"
from = "2026-11-01T00:00:00Z"
#      ^^^^^^^^^^^^^^^^^^^^^^ error[HM0205]
per_usd = 0.8
"#,
    );
}

#[test]
fn a_contract_that_cannot_be_computed_is_refused() {
    check_body(
        r#"
[settlement]
prefer = "ours"
#        ^^^^^^ error[HM0110]
unit = "credit"
#      ^^^^^^^^ error[HM0214]
[[model]]
id = "m"
[[model.rates]]
from = 2026-01-01
input = 1
[[contract]]
name = "one"
from = 2026-01-01
discount = 100
#          ^^^ error[HM0201]
[[contract]]
name = "two"
from = 2026-01-01
account = "team-a"
[[contract.rates]]
model = "gone"
#       ^^^^^^ error[HM0216]
input = 1
[[contract.credit]]
amount = -500
#        ^^^^ error[HM0201]
[[contract.credit]]
amount = 0
#        ^ error[HM0201]
[[contract.credit]]
amount = 500
until = 2025-01-01
#       ^^^^^^^^^^ error[HM0221]
[[contract]]
# ^ error[HM0208]
name = "three"
from = 2026-02-01
[[plan]]
name = "max"
usd_month = 1e3
#           ^^^ error[HM0201]
"#,
    );
}

#[test]
fn one_rate_is_changed_in_a_few_lines() {
    let bundled = ManifestFile::new(
        "manifests/prices/acme.toml",
        "schema = 1\nprovider = 'acme'\n[profile.p]\nwhen = [{ class = 'batch', scale = 0.5 }]\n[[model]]\nid = 'm'\n[[model.rates]]\nfrom = 2026-01-01\ninput = 1\noutput = 2\n",
    );
    let user = ManifestFile::new(
        "manifests/prices/mine.toml",
        "schema = 1\nprovider = 'acme'\n[[model]]\nid = 'm'\n[[model.rates]]\nfrom = 2026-06-01\nuse = ['p']\ninput = 7\noutput = 8\n",
    );
    let (book, found) = book([&bundled], [&user]);
    assert!(found.is_empty(), "{found:?}");
    let at = |ms| book.rate_hint("acme", "m", meter_call::UnixMillis(ms)).map(|(input, _)| input.text().to_owned());
    assert_eq!(at(1_777_000_000_000).as_deref(), Some("1 / 1M tokens"));
    assert_eq!(at(1_784_000_000_000).as_deref(), Some("7 / 1M tokens"));
}

#[test]
fn a_masked_file_and_a_newer_one_give_nothing() {
    let masked = ManifestFile::new("manifests/prices/acme.toml", "schema = 1\nmasked = true\n");
    let (none, found) = book([&masked], []);
    assert!(found.is_empty() && none.providers().next().is_none());
    check("schema = 2\n#        ^ error[HM0106]\nprovider = 'acme'\n");
}

#[test]
fn terms_have_no_place_in_a_bundled_file() {
    let file = ManifestFile::new(
        "manifests/prices/acme.toml",
        "schema = 1\nprovider = 'acme'\n[[plan]]\nname = 'p'\nusd_month = 1\n[[model]]\nid = 'm'\n[[model.rates]]\nfrom = 2026-01-01\ninput = 1\n",
    );
    let (_, found) = book([&file], []);
    assert_eq!(found.iter().map(|found| found.place.line).collect::<Vec<_>>(), [3]);
}
