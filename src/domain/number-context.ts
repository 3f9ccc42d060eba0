/** What the words around a row of digits say that it is: to be called, the number of an order or account, nothing. */
export type NumberContext = 'called' | 'record' | 'order' | 'none';

/** Words before the number that are looked at, in the same sentence, and how far back. */
const WORDS_MAX = 4;
const BACK_MAX = 48;
/** Behind it: "48291374 is your code". */
const AHEAD_MAX = 40;

/** Telephones, by the words that people put before a number to call. Lower case. */
const CALL_WORDS = new Set(
  (
    'call calling dial phone telephone tel mob mobile whatsapp whats hotline helpline contact ph ring query queries ' +
    'звони звоните позвони позвоните звонить тел телефон телефону ватсап вацап вотсап набери наберите горячая ' +
    'اتصل اتصلوا للاتصال للتواصل تواصل هاتف الهاتف جوال الجوال واتس واتساب الواتساب تلفون موبايل الخط ' +
    'فون رابطہ رابطے کال موبائل واٹس واٹساپ ہیلپ'
  ).split(' '),
);

/** What may stand between such a word and a short number. */
const FILLERS = new Set(
  (
    'us me him her on at to now no number toll free for help line app up our the is по на номеру номер нам бесплатно ' +
    'мне или على الرقم رقم بنا الآن مجانا آب اب ایپ پر نمبر کریں لائن'
  ).split(' '),
);

/** Whose number is a record's even if it looks like one to call. */
const RECORD_WORDS = new Set(
  (
    'account acct acc ac iban ref reference awb tracking track txn trx transaction otp code pin id invoice inv iqama ' +
    'shipment consignment meter reading cnic passport policy biller sadad imei serial pnr stan rrn ' +
    'счет счёт счету счёта счета трек код договор договору инн чек квитанция полис паспорт операция отправление ' +
    'حساب حسابك حسابكم الحساب مرجع المرجع المرجعي شحنة الشحنة شحنتك فاتورة الفاتورة فاتورتك رمز الرمز كود هوية الهوية ' +
    'إقامة عملية العملية عقد العقد ' +
    'اکاؤنٹ حوالہ ٹریکنگ کوڈ شناختی بل رسید میٹر'
  ).split(' '),
);

/** Whose number is an order's, unless it looks like one to call: "To order 0501234567". */
const ORDER_WORDS = new Set(
  (
    'order booking ticket card bill claim case application request parcel package item member customer consumer ' +
    'contract confirmation reservation complaint номер заказ заказа заказу заявка заявке билет билета посылка посылки карта карты накладная ' +
    'طلب الطلب طلبك طلبكم حجز الحجز تذكرة بطاقة معاملة المعاملة آرڈر پارسل ٹکٹ کنزیومر کارڈ درخواست'
  ).split(' '),
);

/** What a number before them is. */
const CODE_WORDS = new Set('otp code pin password код пароль رمز كود کوڈ پن reference'.split(' '));

/** What a number is by the words before it, and the code that it is by those behind. */
export function numberContext(text: string, start: number, end: number): NumberContext {
  const before = wordsOf(text.slice(Math.max(0, start - BACK_MAX), start), true);
  let found: NumberContext = 'none';
  let isNext = true;
  for (const word of before.reverse().slice(0, WORDS_MAX)) {
    if (CALL_WORDS.has(word)) {
      if (isNext) return 'called';
      return end - start >= LONG ? 'called' : found;
    }
    if (found === 'none' && RECORD_WORDS.has(word)) found = 'record';
    if (found === 'none' && ORDER_WORDS.has(word)) found = 'order';
    isNext &&= FILLERS.has(word);
  }
  if (found !== 'none') return found;
  const behind = wordsOf(text.slice(end, end + AHEAD_MAX), false).slice(0, WORDS_MAX);
  return behind.some((word) => CODE_WORDS.has(word)) ? 'record' : 'none';
}

/** Digits that are a number to call if "call" is among the words before, not only right before. */
const LONG = 9;

/** The words of a sentence's end, or of its beginning. Lower case. */
function wordsOf(piece: string, isEnd: boolean): string[] {
  const clauses = piece.toLowerCase().split(CLAUSE_END);
  const clause = (isEnd ? clauses.at(-1) : clauses[0]) ?? '';
  return clause.split(NO_WORD).filter((word) => word !== '');
}

/** A full stop ends abbreviations as well ("tel. 0501234567"). */
const CLAUSE_END = /[!?\n؟۔]/u;
const NO_WORD = /[^\p{L}\p{M}]+/u;
