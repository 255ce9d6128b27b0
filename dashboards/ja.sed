#!/usr/bin/sed -f
# The Japanese edition of the dashboards: each English text, and what stands in its place. Everything else is the same, so that links and alerts lead to either.
#
# usage: sed -i -f dashboards/ja.sed COPY/nexus-backup-*.json        changes copies in place
#
# A text is a whole value of the JSON. A dot, a star, a bracket, and a backslash in the English one have a backslash before them.
s|: "Nexus Backup / Overview"|: "Nexus Backup / 全体"|g
s|: "Is the data safe, since when, how fast could it be back, and what is next?"|: "データは安全か、いつからか、どれだけ速く戻せるか、次は何か。"|g
s|: "One source"|: "ソース別"|g
s|: "Restore points, runs and proofs of one source"|: "1つのソースのリストアポイント、実行、検証"|g
s|: "What to do about each alert"|: "アラートごとの対応手順"|g
s|: "Data source"|: "データソース"|g
s|: "The Prometheus that scrapes the agents and evaluates the alert rules\."|: "エージェントをスクレイプし、アラートルールを評価するPrometheus。"|g
s|: "Job"|: "ジョブ"|g
s|: "Scrape job of the agents\."|: "エージェントのスクレイプジョブ。"|g
s|: "Agent"|: "エージェント"|g
s|: "Address of the agent, as Prometheus scrapes it\."|: "Prometheusがスクレイプするエージェントのアドレス。"|g
s|: "Source"|: "ソース"|g
s|: "What is protected\."|: "保護対象。"|g
s|: "Is the data safe?"|: "データは安全か"|g
s|: "The highest level of the chosen sources: of the age of the newest good backup against each source's own thresholds, of failed runs, of corrupt backups and of the firing alerts of sources\. Full stores and silent agents have tiles of their own\. NEW: no backup yet, and still within the first day\. L1 an operator, L2 the system administrator, L3 management\."|: "選択したソースの最も高いレベル。最新の正常バックアップの経過時間（各ソースのしきい値との比較）、失敗した実行、破損したバックアップ、ソースの発報中のアラートによる。格納先の容量と応答しないエージェントは別に示す。NEWは登録から間もなく、まだバックアップがないもの。L1は運用担当、L2はシステム管理者、L3は経営層。"|g
s|: "No rules"|: "ルールなし"|g
s|: "SAFE"|: "正常"|g
s|: "Newest good backup"|: "最新の正常バックアップ"|g
s|: "Since when: the age of the newest good backup of the source that is worst off against its own threshold\. A restore now would go back so far\. The colour is that source's level\."|: "いつからか: しきい値に対して最も遅れているソースの、最新の正常バックアップの経過時間。今リストアするとここまで戻る。色はそのソースのレベル。"|g
s|: "no backup"|: "なし"|g
s|: "Recovery time"|: "復旧時間"|g
s|: "The measured RTO: what the last restore drill that passed took, from opening the artifact to the last probe's answer\. Of several sources the slowest\."|: "実測のRTO。最後に合格したリストア訓練で、ファイルを開いてから最後の確認が応答するまでの時間。複数のソースでは最も遅いもの。"|g
s|: "not measured"|: "未測定"|g
s|: "Next run"|: "次回実行"|g
s|: "What the scheduler starts next, and when\."|: "次に始まる実行とその時刻。"|g
s|: "not planned"|: "予定なし"|g
s|: "Failing"|: "失敗中"|g
s|: "Sources whose last run failed\. One failed run is L1, two or more in a row are L2\."|: "前回の実行が失敗したソースの数。1回の失敗はL1、2回以上の連続失敗はL2。"|g
s|: "Corrupt, past 7 days"|: "破損（過去7日間）"|g
s|: "Backups that are corrupt in the store, or were found corrupt and set aside (\.bad) within the past week\. Files that are merely kept as evidence count under \\"Set aside\\"\. L1; L3 when no good one is left\."|: "格納先で破損している、または過去1週間に破損が見つかり保全（.bad）されたバックアップの数。証拠として残っているだけのファイルは「保全」に数える。L1、正常なものが残っていなければL3。"|g
s|: "Fullest store"|: "最大使用率"|g
s|: "Used share of the fullest store, as df counts\. L1 from 80 %, L2 from 90 %\."|: "使用率が最も高い格納先の使用率（dfと同じ計算）。80 %からL1、90 %からL2。"|g
s|: "Silent agents"|: "応答なし"|g
s|: "Agents that Prometheus does not reach now: L2\. What is shown of their sources is what was last known\."|: "現在Prometheusが接続できないエージェントの数。L2。そのソースは最後に分かった値で表示する。"|g
s|: "Firing alerts"|: "発報中のアラート"|g
s|: "What fires now, the worst first, without the prefix NexusBackup of its name\. A source leads to its dashboard; the runbook (link at the top) says what to do\."|: "現在発報中のアラート、レベルの高い順（名前の先頭のNexusBackupは省略）。ソース名から個別のダッシュボードへ移動できる。対応手順は上部のリンクのRunbookにある。"|g
s|: "No alert is firing"|: "発報中のアラートなし"|g
s|: "Level"|: "レベル"|g
s|: "OK"|: "正常"|g
s|: "Alert"|: "アラート"|g
s|: "Open this source"|: "このソースを開く"|g
s|: "Store"|: "格納先"|g
s|: "Runs by day"|: "日別の実行結果"|g
s|: "How the runs of each day ended, by source, over two weeks\."|: "2週間の各日の実行結果（ソース別）。"|g
s|: "No runs"|: "実行なし"|g
s|: "made"|: "取得"|g
s|: "failed"|: "失敗"|g
s|: "failed, then made"|: "失敗後に取得"|g
s|: "Each source"|: "ソース一覧"|g
s|: "One line per source, the worst first; its name leads to its own dashboard\. A source of an agent that does not answer stays here for three days with what was last known\. Corrupt: found in the past seven days\. Set aside: kept in the store as \.bad\. Missing: should be in the store and is not\."|: "1行に1ソース、悪い順。ソース名から個別のダッシュボードへ移動できる。応答しないエージェントのソースは、最後に分かった値で3日間表示する。破損は過去7日間に見つかったもの、保全は.badとして格納先に残るもの、欠落は格納先にあるべきでないもの。"|g
s|: "No source"|: "ソースなし"|g
s|: "Newest good"|: "最新の正常"|g
s|: "Of its threshold"|: "しきい値比"|g
s|: "Failed in a row"|: "連続失敗"|g
s|: "Good"|: "正常"|g
s|: "Corrupt"|: "破損"|g
s|: "Set aside"|: "保全"|g
s|: "Missing"|: "欠落"|g
s|: "Restore points"|: "リストアポイント"|g
s|: "What could be restored to, over time: each block begins when a good backup was made and ends when a newer one was\. Its text is the instant that it holds\."|: "各時点で復元できた状態の推移。帯は正常なバックアップができたときに始まり、次ができたときに終わる。文字は復元できる日時。"|g
s|: "No restore point"|: "リストアポイントなし"|g
s|: "Trends"|: "推移"|g
s|: "Firing alerts over time"|: "アラートの推移"|g
s|: "Which alerts fired in the shown period, and at which level\."|: "表示期間に発報したアラートとそのレベル。"|g
s|: "No alert fired"|: "発報なし"|g
s|: "Share of the warning threshold used"|: "警告しきい値に対する割合"|g
s|: "Each source against its own threshold: above 100 % it is stale\."|: "各ソースを自身のしきい値と比べた割合。100 %を超えると期限超過。"|g
s|: "Duration of the last run"|: "前回の実行の所要時間"|g
s|: "How long each source's last successful run took, all stages together; the source's own dashboard shows them apart\."|: "各ソースで最後に成功した実行の所要時間（全段階の合計）。段階別の内訳はソース別ダッシュボードにある。"|g
s|: "Proofs"|: "検証状況"|g
s|: "What was proven of each source: when stored backups were last read back and what that found in the shown period; restore drills, which restore the newest good backup into scratch space and probe it, and what the last one that passed took; restores over the live source\. An alert comes when a drill fails, and when the last one is 40 days old\."|: "各ソースの検証状況。最終検証は保存中のバックアップを最後に読み戻してからの時間、検査不合格は表示期間の件数。訓練は最新の正常バックアップを作業領域にリストアして確認するもので、復旧時間は最後に合格した訓練の実測値。本番リストアは稼働中のデータベースへのリストア。訓練が失敗したとき、または最後の訓練から40日たつとアラートが出る。"|g
s|: "Verified"|: "最終検証"|g
s|: "not done"|: "未実施"|g
s|: "Failed checks"|: "検査不合格"|g
s|: "Mismatches"|: "不一致"|g
s|: "Past retention"|: "保持期間超過"|g
s|: "Future-dated"|: "未来の日付"|g
s|: "Drill"|: "訓練"|g
s|: "passed"|: "合格"|g
s|: "Drill age"|: "訓練経過"|g
s|: "Recovery"|: "復旧時間"|g
s|: "Live restore"|: "本番リストア"|g
s|: "ok"|: "成功"|g
s|: "Restore age"|: "リストア経過"|g
s|: "Capacity"|: "容量"|g
s|: "Used share of each store"|: "格納先の使用率"|g
s|: "As df counts: used ÷ (used + available)\. L1 from 80 %, L2 from 90 %\."|: "dfと同じ計算: 使用量 ÷（使用量＋空き）。80 %からL1、90 %からL2。"|g
s|: "Forecast"|: "予測"|g
s|: "When each store is 80 % (L1) and 90 % (L2) full if it goes on as in the past three days, and how full it is in a week\."|: "直近3日間の傾向が続く場合に、各格納先が80 %（L1）と90 %（L2）に達するまでの時間と、1週間後の使用率。"|g
s|: "Used"|: "使用率"|g
s|: "Free"|: "空き"|g
s|: "Size"|: "容量"|g
s|: "In 7 days"|: "7日後"|g
s|: "80 % in"|: "80 %まで"|g
s|: "reached"|: "到達済み"|g
s|: "over a year"|: "1年以上"|g
s|: "no growth"|: "増加なし"|g
s|: "90 % in"|: "90 %まで"|g
s|: "Stored by source"|: "ソース別の保存量"|g
s|: "All artifacts of each source, as they lie in the store\."|: "各ソースの全ファイルの、格納先でのサイズ。"|g
s|: "Agents"|: "エージェント"|g
s|: "Each agent"|: "エージェント一覧"|g
s|: "One line per agent, the silent ones first\. Heartbeat: time since its scheduler last moved, L2 from ten minutes\. Clock: how far its clock is ahead of that of Prometheus (negative: behind), L1 beyond two minutes\. Restarts: of the agent, in the past 24 hours\. Self-test: whether it found all the corruption that it had made in copies\."|: "1行に1エージェント、無応答が先頭。ハートビートはスケジューラが最後に動いてからの時間で、10分からL2。時計のずれはPrometheusの時計との差（正は進み、負は遅れ）で、2分を超えるとL1。再起動は直近24時間の回数。自己テストは、コピーに加えた破損をすべて検出したか。"|g
s|: "No agent"|: "エージェントなし"|g
s|: "State"|: "状態"|g
s|: "silent"|: "無応答"|g
s|: "answers"|: "応答"|g
s|: "Version"|: "バージョン"|g
s|: "Revision"|: "リビジョン"|g
s|: "Running for"|: "稼働時間"|g
s|: "Restarts"|: "再起動"|g
s|: "Heartbeat"|: "ハートビート"|g
s|: "Clock"|: "時計のずれ"|g
s|: "Self-test"|: "自己テスト"|g
s|: "not run"|: "未実施"|g
s|: "Tested"|: "テスト経過"|g
s|: "Sources"|: "ソース数"|g
s|: "Agents and stores"|: "エージェントと格納先"|g
s|: "Whether each agent answers Prometheus, and whether it can use its stores\."|: "エージェントがPrometheusに応答するか、格納先を使用できるか。"|g
s|: "down"|: "停止"|g
s|: "up"|: "稼働"|g
s|: "agent {{instance}}"|: "エージェント {{instance}}"|g
s|: "store {{store}} {{instance}}"|: "格納先 {{store}} {{instance}}"|g
s|: "Nexus Backup / Source"|: "Nexus Backup / ソース"|g
s|: "One source: is it safe, since when, how fast could it be back, and what is next?"|: "1つのソースについて、安全か、いつからか、どれだけ速く戻せるか、次は何か。"|g
s|: "All sources"|: "全ソース"|g
s|: "The whole fleet"|: "全体"|g
s|: "Since when: the age of the newest backup that passed verification and still exists\. A restore now would go back so far\."|: "いつからか: 検証に合格し現存する最新のバックアップの経過時間。今リストアするとここまで戻る。"|g
s|: "Failures"|: "連続失敗"|g
s|: "Failed runs since the last success\. One is L1, two or more are L2\."|: "最後の成功以降に失敗した実行の回数。1回はL1、2回以上はL2。"|g
s|: "Chain"|: "チェーン"|g
s|: "Backups that a restore of the newest good one reads: 1 is a full backup that stands alone, more is a full one and the increments on it\."|: "最新の正常バックアップのリストアが読むバックアップの数。1は単独のフルバックアップ、2以上はフルとその増分。"|g
s|: "Running"|: "実行中"|g
s|: "How long the run in flight has been going; the default time limit is six hours\."|: "実行中のバックアップの経過時間。既定の制限時間は6時間。"|g
s|: "unknown"|: "不明"|g
s|: "idle"|: "待機中"|g
s|: "What fires now of this source, its agent and its stores, the worst first, without the prefix NexusBackup of its name; the runbook (link at the top) says what to do\."|: "このソース、そのエージェントと格納先で現在発報中のアラート、レベルの高い順（名前の先頭のNexusBackupは省略）。対応手順は上部のリンクのRunbookにある。"|g
s|: "How the runs of each day ended, by schedule, over two weeks\."|: "2週間の各日の実行結果（スケジュール別）。"|g
s|: "Schedules"|: "スケジュール一覧"|g
s|: "For each schedule: how old its newest good backup is, what is stored in which state, what its retention says should be there and is not, and when it runs next\. Set aside: found corrupt and kept in the store as \.bad, or missing what it builds on\."|: "スケジュールごとの、最新の正常バックアップの経過時間、状態別の保存数、保持期間内にあるべきで欠けている数、次回の実行。保全は破損が見つかり.badとして残るもの、または基になるバックアップがないもの。"|g
s|: "No schedule"|: "スケジュールなし"|g
s|: "Schedule"|: "スケジュール"|g
s|: "Unverified"|: "未検証"|g
s|: "What could be restored to, over time: each block begins when a good backup of the schedule was made and ends when a newer one was\. Its text is the instant that it holds\."|: "スケジュールごとの、各時点で復元できた状態の推移。帯は正常なバックアップができたときに始まり、次ができたときに終わる。文字は復元できる日時。"|g
s|: "Age and alerts"|: "経過時間とアラート"|g
s|: "Age of the newest good backup"|: "最新の正常バックアップの経過時間"|g
s|: "Falls to nothing when a backup has been verified\. The dashed lines are this source's own thresholds; the agent reports them\."|: "バックアップが検証に合格するとほぼ0に戻る。破線はこのソース自身のしきい値で、エージェントが出力する。"|g
s|: "warning (L1)"|: "警告（L1）"|g
s|: "critical (L2)"|: "重大（L2）"|g
s|: "emergency (L3)"|: "緊急（L3）"|g
s|: "age"|: "経過時間"|g
s|: "Runs and sizes"|: "実行とサイズ"|g
s|: "Last run"|: "前回の実行"|g
s|: "How the last run ended, and when\."|: "前回の実行の結果と終了時刻。"|g
s|: "result"|: "結果"|g
s|: "ended"|: "終了"|g
s|: "Time per stage of the last run"|: "前回の実行の段階別所要時間"|g
s|: "Where the time of the last successful run went; copy is the last copying to further stores, which follows a run\."|: "最後に成功した実行の段階別の所要時間。copyは実行後に行う他の格納先への前回のコピー。"|g
s|: "capturing"|: "取得"|g
s|: "verifying"|: "検証"|g
s|: "pruning"|: "削除"|g
s|: "Size of the newest backup"|: "最新バックアップのサイズ"|g
s|: "As stored and uncompressed\. A sudden drop is worth a look\."|: "格納先でのサイズと圧縮前のサイズ。急な減少は要確認。"|g
s|: "stored"|: "保存"|g
s|: "content"|: "圧縮前"|g
s|: "All stored artifacts"|: "保存中の全ファイル"|g
s|: "The room that this source takes in its store, and what a restore of the newest good backup reads of it\."|: "このソースが格納先で占める容量と、そのうち最新の正常バックアップのリストアが読む量。"|g
s|: "all"|: "全体"|g
s|: "read by a restore"|: "リストアが読む量"|g
s|: "Used share of its store"|: "格納先の使用率"|g
s|: "Of the store that holds this source's backups, as df counts\. L1 from 80 %, L2 from 90 %\."|: "このソースのバックアップがある格納先の使用率（dfと同じ計算）。80 %からL1、90 %からL2。"|g
s|: "Measured recovery time"|: "実測の復旧時間"|g
s|: "From opening the artifact to the last probe's answer, as the last drill that passed measured it\."|: "最後に合格した訓練で、ファイルを開いてから最後の確認が応答するまでの実測値。"|g
s|: "recovery time"|: "復旧時間"|g
s|: "Drills made"|: "訓練回数"|g
s|: "Restore drills that ended since the agent's journal began, by result\."|: "エージェントの記録開始以降に終了したリストア訓練の回数（結果別）。"|g
s|: "About"|: "このソースについて"|g
s|: "About this source"|: "このソースについて"|g
s|: "What it is, where its backups lie, and since when the agent knows it\."|: "種類、格納先、エージェントに登録された日時。"|g
s|: "Kind"|: "種類"|g
s|: "Known since"|: "登録日時"|g
s|docs/runbook\.md"|docs/runbook.ja.md"|
s|: "Recoverable window"|: "復旧可能期間"|g
s|: "From when to when a source can be restored to any instant (nexus-backup restore --at)\. Of several windows, with a gap between them, the newest; nexus-backup status names all\. Sources that are not here can be restored to their restore points\."|: "ソースを任意の時点に復旧できる期間（nexus-backup restore --at）。途切れて複数ある場合は最新のもの。すべてはnexus-backup statusに表示される。ここにないソースはリストアポイントにのみ復旧できる。"|g
s|: "From when to when a source can be restored to any instant (nexus-backup restore --at)\. Of several windows, with a gap between them, the newest; nexus-backup status names all\. Received until, and what its server keeps because it was not received: of changes that the agent receives between backups\. Sources that are not here can be restored to their restore points\."|: "ソースを任意の時点に復旧できる期間（nexus-backup restore --at）。途切れて複数ある場合は最新のもの。すべてはnexus-backup statusに表示される。受信済みの時刻と、未受信のためサーバーが保持している量は、エージェントがバックアップ間に受信する変更のもの。ここにないソースはリストアポイントにのみ復旧できる。"|g
s|: "Restore points only"|: "リストアポイントのみ"|g
s|: "Any instant from"|: "復旧可能（開始）"|g
s|: "to"|: "復旧可能（終了）"|g
s|: "Its end is behind"|: "終了からの経過"|g
s|: "Received until"|: "受信済み（時刻まで）"|g
s|: "Kept back, of its limit"|: "未受信の保持量（上限比）"|g
s|: "Copies"|: "他の格納先のコピー"|g
s|: "What the further stores of a source hold\. What waits to be copied is late once it is older than the source's critical threshold\. Sources that are not here have one store\."|: "ソースの2番目以降の格納先の状況。未コピーのバックアップがソースの危機しきい値より古くなると遅延となる。ここにないソースの格納先は1つのみ。"|g
s|: "One store"|: "格納先は1つ"|g
s|: "Newest good copy"|: "最新の正常なコピー"|g
s|: "Not copied yet"|: "未コピー"|g
s|: "Waits for"|: "待ち時間"|g
s|: "Not met"|: "未充足"|g
s|: "Met"|: "充足"|g
