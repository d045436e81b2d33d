//! `platctl schema`

use super::exit::Exit;
use super::ui::Ui;
use crate::report::schema;

pub(crate) fn run(ui: &Ui) -> Exit {
    ui.print(schema::blueprint());
    Exit::Done
}
