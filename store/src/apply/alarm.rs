//! Alarms: raised and cleared through the log, per member and type, for any member id.

use super::command::Executor;
use super::schema;
use crate::reply::Reply;
use keelson_proto::etcdserverpb::alarm_request::AlarmAction;
use keelson_proto::etcdserverpb::{AlarmMember, AlarmRequest, AlarmType};

impl Executor<'_, '_> {
    /// Answers with the alarms concerned: the raised ones asked for, the one that is raised now, the
    /// one that was cleared. An action that does not exist concerns none.
    pub(super) fn alarm(&mut self, request: &AlarmRequest) -> Reply {
        let named = AlarmMember {
            member_id: request.member_id,
            alarm: request.alarm,
        };
        let is_none = request.alarm == AlarmType::None as i32;
        let concerned = match AlarmAction::try_from(request.action) {
            Ok(AlarmAction::Get) => {
                let mut raised = self.state.alarms();
                raised.retain(|raised| is_none || raised.alarm == request.alarm);
                raised
            }
            Ok(AlarmAction::Activate) if !is_none => {
                self.state.raise(&named);
                schema::put_alarm(self.writer.batch(), &named);
                vec![named]
            }
            Ok(AlarmAction::Deactivate) if self.state.clear(&named) => {
                schema::delete_alarm(self.writer.batch(), &named);
                vec![named]
            }
            _ => Vec::new(),
        };
        Reply::Alarm(concerned)
    }
}
