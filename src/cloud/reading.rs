//! Answers that several kinds want: a queue and its policy are told by the same call.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

use crate::fault::Fault;

/// Region, action and object of a call.
type Question = (String, &'static str, String);

/// One look at the world, in which a question that several kinds have is asked once.
///
/// **Architecture invariant:** nothing is changed while one lasts. Who changes the world and looks again begins a new
/// one, so that no answer is older than the change.
#[derive(Clone, Debug, Default)]
pub struct Reading(Arc<Mutex<BTreeMap<Question, Arc<dyn Any + Send + Sync>>>>);

impl Reading {
    /// The answer to a question, from whoever asks it first; a fault is no answer, and the next one asks again.
    pub(super) async fn once<T: Clone + Send + Sync + 'static>(
        &self,
        question: Question,
        ask: impl Future<Output = Result<T, Fault>>,
    ) -> Result<T, Fault> {
        let cell = {
            let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let cell = answers.entry(question);
            Arc::clone(cell.or_insert_with(|| Arc::new(OnceCell::<T>::new())))
        };
        let cell = cell.downcast::<OnceCell<T>>().expect("an action has one type of answer");
        cell.get_or_try_init(|| ask).await.cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Class;

    #[tokio::test]
    async fn a_question_is_asked_once_for_each_object() {
        let (reading, asked) = (Reading::default(), Mutex::new(Vec::new()));
        let ask = async |name: &str| {
            let question = ("eu-west-1".into(), "GetQueueAttributes", name.to_owned());
            let answer = async {
                tokio::task::yield_now().await;
                asked.lock().unwrap().push(name.to_owned());
                Ok(name.len())
            };
            reading.once(question, answer).await
        };
        let answers = futures::join!(ask("orders"), ask("mail"), ask("orders"));
        assert_eq!(answers, (Ok(6), Ok(4), Ok(6)));
        assert_eq!(*asked.lock().unwrap(), ["orders", "mail"]);
    }

    #[tokio::test]
    async fn a_fault_is_no_answer() {
        let reading = Reading::default();
        let question = || ("eu-west-1".into(), "GetQueueAttributes", "orders".to_owned());
        let fault = async { Err::<(), _>(Fault::new(Class::Throttled, "slow down")) };
        assert!(reading.once(question(), fault).await.is_err());
        assert_eq!(reading.once(question(), async { Ok(()) }).await, Ok(()));
    }
}
