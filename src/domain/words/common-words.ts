import type { Cells } from './cells.ts';

/**
 * The commonest words of each language, function words first: what stands between blanks and is one of these was meant as
 * a word, not as half of another ("lot to do" has no lotto). Folded, as cells are. Written from general knowledge.
 */
const COMMON = `
a about after again ago all also am an and any are as ask at away back bad be been before being best better big both boy
but buy by call came can car come could cut dad day dear did do does done down each eat end even ever every far feel few
find first for free from fun game gave get girl give go going good got great gun guy had hand has have he head hear help
her here hero him his hit hope hot hour how if in into is it its job just keep kid kids kind know last late left less let
life like line list little live long look lost lot love made make man many may me men might miss mom more most much mum
must my name near need new next nice night no none not now of off ok old on once one only open or other our out over own
part past pay pick place plan play please pm pot put ran real red rest right run said sale same sat saw say see seen sell
send sent set she shop show side sit slot so some soon still stop such sure take talk tea tell ten than thank that the
their them then there these they thing think this those three time to today told too took top try tv two under until up
us use very via visit wait want war was way we week well went were what when where which while who why will win wish with
word work world would year yes yet you your
b c e i k m n o r x y
а без бы был была были было в вам вас ваш весь во вот все всё вы где да дать два день для до дом другой его ее ей если
есть еще же за здесь и из или им их к как какой когда кто ли лишь мне мой мы на над надо наш не него нее нет ни них но ну
о об один он она они от очень по под пока пор после потом при про раз род рода рот с сам свой себя сейчас сек сколько со
так там те тебя тех то тобой только том тот три ту тут ты у уж уже хоть час чего чей чем через что чтобы эта эти это этот
я герой герои кот год дай дам жду лет мин нас руб рад сон сын тел
اب ابا ابن اس اسے اگر ام ان انت انه انها او اور اي ایک با باب بعد بن به بہت بي پر پھر تا تب تک تم تھا تھی تھے تو ثم جب جس جو
جی حب حتى خط دو ذا ذلك راه رہا رہی رہے سا سب سر سن سے شي شيخ صار عام عاما عبد عم على عن عند غير فإن فقط في فی قال قبل قد کا
کام کب کر کرنا کس کل كل كم كما کو کون کہ کہا کی کیا کیوں کے گا گئی گئے گی گے لا لك لكن لم لن له لها لو لی لیا لیں لیے ما مت مع
من منه میں نا نحن نہ نہیں نے ها هذا هذه هل هم هنا هو هي وا وہ ولا وه ہاں ہر ہم ہو ہوا ہوں ہوئی ہی ہے ہیں یا يا یہ يوم يوما
`;

const WORDS: ReadonlySet<string> = new Set(COMMON.trim().split(/\s+/u));

/** The letters of cells, folded. */
export function wordOf(cells: Cells, from: number, to: number): string {
  let word = '';
  for (let at = from; at < to; at++)
    word += String.fromCodePoint(cells.points[at] ?? 0).repeat(cells.runs[at] ?? 1);
  return word;
}

/** Whether the cells from one to another, nothing between them, are a common word. */
export function isCommonWord(cells: Cells, from: number, to: number): boolean {
  return WORDS.has(wordOf(cells, from, to));
}
